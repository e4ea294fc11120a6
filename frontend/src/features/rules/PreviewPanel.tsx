import { SegmentedControl } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import type { PreviewIncident } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { IconCheck } from '@/shared/ui/icons'
import { Panel } from '@/shared/ui/Panel'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { bodyOf, type Draft, scopeOfDraft, wrongWith } from './draft'
import { IncidentStrip } from './IncidentStrip'
import { previewQuery } from './queries'
import classes from './Rules.module.css'
import { oftenWords, rowsOf } from './strip'
import { type Places, unitsIn } from './words'

/** A unit's curve with what a rule would have opened; the units feature draws it. */
export interface Trial {
  unit: string
  draft: Draft
  incidents: PreviewIncident[]
  from: number
  to: number
}

interface Props {
  draft: Draft
  places: Places
  chart: (trial: Trial) => React.ReactNode
}

const REST = 600
const DAYS = ['7', '30', '90'] as const
const MOST_ROWS = 12

/** What this rule would have done: tried again whenever the form rests for a moment. Nothing is stored. */
export function PreviewPanel({ draft, places, chart }: Props) {
  const { organization } = useMember()
  const [days, setDays] = useState<(typeof DAYS)[number]>('90')
  const [chosen, setChosen] = useState<string | null>(null)
  // A name changes nothing about what a rule does, and a rule that is switched off is tried all the same.
  const asked = JSON.stringify(bodyOf({ ...draft, name: '', enabled: true }))
  const [resting] = useDebouncedValue(asked, REST)
  const isReady = Object.keys(wrongWith(draft)).length === 0
  const preview = useQuery({
    ...previewQuery(
      organization,
      useMemo(() => JSON.parse(resting), [resting]),
      Number(days),
    ),
    placeholderData: keepPreviousData,
    enabled: isReady,
    retry: false,
  })
  const { data } = preview
  const rows = useMemo(() => {
    const nameOf = (id: string) => places.units.find((unit) => unit.id === id)?.name ?? 'A unit'
    return data ? rowsOf(data, data, nameOf) : []
  }, [data, places.units])
  const watched = unitsIn(scopeOfDraft(draft), places.units)
  const shown =
    chosen && watched.some(({ id }) => id === chosen) ? chosen : (watched.length === 1 && watched[0]?.id) || null
  const isBusy = asked !== resting || preview.isFetching
  return (
    <Panel
      title="What it would have done"
      actions={
        <SegmentedControl
          size="xs"
          aria-label="Time looked back at"
          value={days}
          onChange={(value) => setDays(value as typeof days)}
          data={DAYS.map((value) => ({ value, label: `${value} days` }))}
        />
      }
    >
      {!isReady && <p className={classes.quiet}>Fill in what is missing, and the rule is tried on the past here.</p>}
      {isReady && preview.isPending && <Loading rows={4} />}
      {isReady && preview.error && !preview.isFetching && (
        <Trouble error={preview.error} retry={() => void preview.refetch()} />
      )}
      {isReady && data && !preview.error && (
        <div className={classes.preview} aria-busy={isBusy} data-busy={isBusy || undefined}>
          <p className={classes.sum} role="status">
            With this rule{' '}
            <strong>{data.incidents.length === 1 ? '1 alert' : `${data.incidents.length} alerts`}</strong> in {days}{' '}
            days on {data.units === 1 ? '1 unit' : `${data.units} units`} (
            {oftenWords(data.incidents.length, Number(days))}); <strong>{data.happened.length}</strong> of that kind
            really opened.
          </p>
          {data.note && <p className={classes.quiet}>{data.note}</p>}
          {rows.length > 0 ? (
            <IncidentStrip
              rows={rows.slice(0, MOST_ROWS)}
              from={data.from}
              to={data.to}
              severity={draft.severity}
              measured={draft}
              chosen={shown}
              onChoose={setChosen}
            />
          ) : (
            <Empty icon={<IconCheck />} title="It would have stayed quiet">
              {data.readings === 0 && 'There are no readings to try it on in this time.'}
            </Empty>
          )}
          {rows.length > MOST_ROWS && (
            <p className={classes.quiet}>And {rows.length - MOST_ROWS} more units, with fewer alerts each.</p>
          )}
          {rows.length > 0 && !shown && <p className={classes.quiet}>Choose a unit to see its curve with the limit.</p>}
        </div>
      )}
      {isReady && data && shown && (
        <div className={classes.curve}>
          {chart({
            unit: shown,
            draft,
            incidents: data.incidents.filter(({ unit }) => unit === shown),
            from: data.from,
            to: data.to,
          })}
        </div>
      )}
    </Panel>
  )
}
