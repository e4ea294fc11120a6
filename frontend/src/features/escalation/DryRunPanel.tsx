import { SegmentedControl, Select, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { useMember } from '@/shared/member'
import { useZone } from '@/shared/sites'
import { Notice } from '@/shared/ui/Notice'
import { Panel } from '@/shared/ui/Panel'
import { Loading, Trouble } from '@/shared/ui/states'
import { clockWords } from '@/shared/units'
import { HOUR, momentOfText, wallText } from '@/shared/zone'
import { canBeTried, type Draft, planOf, wrongWith } from './draft'
import classes from './Policy.module.css'
import { type DryRun, dryRunQuery, type Rehearsal } from './queries'
import { StepTimeline } from './StepTimeline'
import type { Places } from './words'

interface Props {
  draft: Draft
  places: Places
}

const REST = 500
const ANYWHERE = 'anywhere'

/** Where an alert would open, so that this policy holds: the narrowest that the draft says, else any unit. */
function placeFor({ scopeKind, scopeOf }: Draft, { sites, units }: Places): string {
  if (scopeKind === 'unit' && scopeOf) return `unit:${scopeOf}`
  const fits = units.find(
    ({ site, kind }) =>
      scopeKind === 'organization' ||
      (scopeKind === 'site' ? site === scopeOf : scopeKind === 'unit_kind' && kind === scopeOf),
  )
  if (fits) return `unit:${fits.id}`
  if (scopeKind === 'site' && scopeOf) return `site:${scopeOf}`
  return sites[0] ? `site:${sites[0].id}` : ANYWHERE
}

function siteOf(place: string, { units }: Places): string | null {
  const [kind, id] = place.split(':')
  if (kind === 'site') return id ?? null
  return units.find((unit) => unit.id === id)?.site ?? null
}

/** If an alert opened: who would be told when. Tried again whenever the form rests; nobody is told. */
export function DryRunPanel({ draft, places }: Props) {
  const { organization } = useMember()
  const [chosen, setChosen] = useState<string | null>(null)
  const [severity, setSeverity] = useState<DryRun['severity'] | null>(null)
  const [isNow, setNow] = useState(true)
  const place = chosen ?? placeFor(draft, places)
  const bad = severity ?? (draft.severity || 'critical')
  const zone = useZone(siteOf(place, places))
  const [wall, setWall] = useState<string | null>(null)
  const [opened] = useState(Date.now)
  const text = wall ?? wallText(opened + HOUR, zone)
  const moment = momentOfText(text, zone)
  const [kind = '', id] = place.split(':')
  const asked = JSON.stringify({
    ...(place !== ANYWHERE && { [kind]: id }),
    severity: bad,
    ...(!isNow && !Number.isNaN(moment) && { at: new Date(moment).toISOString() }),
    policy: planOf(draft),
  })
  const [resting] = useDebouncedValue(asked, REST)
  const isReady = canBeTried(wrongWith(draft))
  const run = useQuery({
    ...dryRunQuery(
      organization,
      useMemo(() => JSON.parse(resting) as DryRun, [resting]),
    ),
    placeholderData: keepPreviousData,
    // (What rests may still be what was incomplete.)
    enabled: isReady && asked === resting && (place !== ANYWHERE || places.sites.length === 0),
    retry: false,
  })
  const isBusy = asked !== resting || run.isFetching
  return (
    <Panel title="What it would do">
      <div className={classes.fields}>
        <Where {...{ places, place }} onPlace={setChosen} />
        <SegmentedControl
          fullWidth
          aria-label="As bad as"
          value={bad}
          onChange={(value) => setSeverity(value as DryRun['severity'])}
          data={[
            { value: 'warning', label: 'Warning' },
            { value: 'critical', label: 'Critical' },
          ]}
        />
        <SegmentedControl
          fullWidth
          aria-label="When"
          value={isNow ? 'now' : 'then'}
          onChange={(value) => setNow(value === 'now')}
          data={[
            { value: 'now', label: 'Now' },
            { value: 'then', label: 'Another time' },
          ]}
        />
        {!isNow && (
          <TextInput
            type="datetime-local"
            label="It opens at"
            description={clockWords(zone, opened) ?? undefined}
            value={text}
            onChange={(event) => setWall(event.currentTarget.value)}
            error={Number.isNaN(moment) && 'Enter a date with its time.'}
          />
        )}
        {!isReady && <p className={classes.quiet}>Fill in what is missing, and it is tried here.</p>}
        {isReady && !run.data && !run.error && <Loading rows={3} />}
        {isReady && run.error && !run.isFetching && <Trouble error={run.error} retry={() => void run.refetch()} />}
        {isReady && run.data && !run.error && <Found run={run.data} zone={zone} isBusy={isBusy} />}
      </div>
    </Panel>
  )
}

interface WhereProps {
  places: Places
  place: string
  onPlace: (place: string) => void
}

function Where({ places: { sites, units }, place, onPlace }: WhereProps) {
  const siteName = (id: string) => sites.find((site) => site.id === id)?.name ?? ''
  return (
    <Select
      label="If an alert opened at"
      size="md"
      value={place === ANYWHERE ? null : place}
      onChange={(value) => value && onPlace(value)}
      data={[
        {
          group: 'Units',
          items: units.map(({ id, name, site }) => ({ value: `unit:${id}`, label: `${name} (${siteName(site)})` })),
        },
        { group: 'Sites', items: sites.map(({ id, name }) => ({ value: `site:${id}`, label: name })) },
      ]}
      searchable
      limit={100}
      allowDeselect={false}
      nothingFoundMessage="Nothing of that name"
      checkIconPosition="right"
    />
  )
}

function Found({ run, zone, isBusy }: { run: Rehearsal; zone: string | undefined; isBusy: boolean }) {
  const [first] = run.results
  const clock = first && clockWords(zone, Date.parse(first.at))
  return (
    <div className={classes.tried} aria-busy={isBusy} data-busy={isBusy || undefined}>
      {run.warnings.map((warning) => (
        <Notice key={warning} tone="warning" title={warning} />
      ))}
      <p className={classes.quiet}>This tells nobody. If nobody answered{clock && `, in ${clock}`}:</p>
      <StepTimeline steps={run.results} zone={zone} />
    </div>
  )
}
