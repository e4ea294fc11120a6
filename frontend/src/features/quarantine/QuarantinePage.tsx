import { Button, Checkbox, NativeSelect, TextInput } from '@mantine/core'
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { RefusedReading } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { Refusal } from '@/shared/ui/Dialog'
import { IconCheck, IconDownload, IconFilterOff } from '@/shared/ui/icons'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { StatusMark } from '@/shared/ui/StatusBadge'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { toast } from '@/shared/ui/toast'
import { CorrectDialog } from './CorrectDialog'
import { CODE_NAMES, CODES, type CodeName, codeOf, STATES, type StateName } from './codes'
import { DiscardDialog } from './DiscardDialog'
import classes from './Quarantine.module.css'
import {
  csvAddress,
  MOST_AT_ONCE,
  type QuarantineFilters,
  quarantineKey,
  refusedQuery,
  resubmitMany,
  summaryQuery,
} from './queries'
import { RefusedRow } from './RefusedRow'

interface Props {
  filters: QuarantineFilters
  onFilters: (filters: QuarantineFilters) => void
}

/** What gateways sent and we didn't believe: why, and what to do about it. */
export function QuarantinePage({ filters, onFilters }: Props) {
  const { organization, organizationName } = useMember()
  return (
    <Page
      title="Refused readings"
      above={organizationName}
      below="What a gateway sent and FreshTrack didn’t store. Nothing is lost: correct it and send it in again, or discard it."
      actions={
        <Button
          component="a"
          href={csvAddress(organization, filters)}
          download
          variant="default"
          leftSection={<IconDownload size={18} />}
        >
          Download CSV
        </Button>
      }
    >
      <Reasons filters={filters} onFilters={onFilters} />
      <Filters filters={filters} onFilters={onFilters} />
      <Refused key={JSON.stringify(filters)} filters={filters} />
    </Page>
  )
}

/** How many wait for which reason; the chosen one explains itself. */
function Reasons({ filters, onFilters }: Props) {
  const { organization } = useMember()
  const summary = useQuery(summaryQuery(organization)).data
  const counts = summary?.by_code ?? {}
  const names = [...new Set([...CODE_NAMES, ...Object.keys(counts)])].filter((name) => counts[name])
  names.sort((one, other) => (counts[other] ?? 0) - (counts[one] ?? 0))
  const chosen = filters.code && codeOf(filters.code)
  return (
    <>
      {names.length > 0 && (
        <ul className={classes.reasons} aria-label="Reasons">
          {names.map((name) => (
            <li key={name}>
              <button
                type="button"
                className={classes.reason}
                aria-pressed={filters.code === name}
                onClick={() =>
                  onFilters({
                    ...filters,
                    code: filters.code === name ? undefined : (name as CodeName),
                    state: undefined,
                  })
                }
              >
                <span className={classes.count}>{(counts[name] ?? 0).toLocaleString('en')}</span>
                <span className={classes.word}>
                  <StatusMark tone={codeOf(name).tone} size={14} />
                  {codeOf(name).word}
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
      {chosen && (
        <section className={classes.about} aria-label="What this means">
          <p>
            <strong>{chosen.word}.</strong> {chosen.meaning}
          </p>
          <p>{chosen.advice}</p>
        </section>
      )}
    </>
  )
}

function Filters({ filters, onFilters }: Props) {
  const set = (change: QuarantineFilters) => onFilters({ ...filters, ...change })
  return (
    <search className={classes.filters}>
      <NativeSelect
        label="Reason"
        value={filters.code ?? ''}
        onChange={(event) => set({ code: (event.currentTarget.value || undefined) as CodeName | undefined })}
        data={[
          { value: '', label: 'Any reason' },
          ...Object.entries(CODES).map(([value, { word }]) => ({ value, label: word })),
        ]}
      />
      <NativeSelect
        label="Show"
        value={filters.state ?? 'kept'}
        onChange={(event) => {
          const state = event.currentTarget.value as StateName
          set({ state: state === 'kept' ? undefined : state })
        }}
        data={Object.entries(STATES).map(([value, label]) => ({ value, label }))}
      />
      <SerialField key={filters.serial} value={filters.serial ?? ''} onChange={(serial) => set({ serial })} />
      {Object.values(filters).some(Boolean) && (
        <Button variant="subtle" leftSection={<IconFilterOff size={18} />} onClick={() => onFilters({})}>
          Clear filters
        </Button>
      )}
    </search>
  )
}

/** Looks when the field is left or Enter is pressed: half a serial finds nothing. */
function SerialField({ value, onChange }: { value: string; onChange: (serial: string | undefined) => void }) {
  const look = (text: string) => {
    if (text.trim() !== value) onChange(text.trim() || undefined)
  }
  return (
    <TextInput
      className={classes.serial}
      label="Sensor"
      size="sm"
      placeholder="Its whole serial"
      maxLength={64}
      defaultValue={value}
      onBlur={(event) => look(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === 'Enter') look(event.currentTarget.value)
      }}
    />
  )
}

function Refused({ filters }: { filters: QuarantineFilters }) {
  const member = useMember()
  const refused = useInfiniteQuery(refusedQuery(member.organization, filters))
  const shown = refused.data?.pages.flatMap((page) => page.results)
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [correcting, setCorrecting] = useState<RefusedReading | null>(null)
  const [discarding, setDiscarding] = useState<RefusedReading[]>([])
  const waiting = (filters.state ?? 'kept') === 'kept'
  const decides = waiting && may(member, 'quarantine.change')
  const among = shown?.filter(({ id }) => chosen.has(id)) ?? []
  const choose = (id: string, on: boolean) => {
    const next = new Set(chosen)
    if (on) next.add(id)
    else next.delete(id)
    setChosen(next)
  }
  return (
    <>
      <Panel title={STATES[filters.state ?? 'kept']} flush>
        {refused.isPending && <Loading rows={5} />}
        {refused.error && !shown && <Trouble error={refused.error} retry={() => void refused.refetch()} />}
        {shown?.length === 0 && <Nothing filtered={Boolean(filters.code || filters.serial)} waiting={waiting} />}
        {shown && shown.length > 0 && (
          <>
            {decides && (
              <Several
                among={among}
                of={shown}
                onAll={(on) => setChosen(new Set(on ? shown.slice(0, MOST_AT_ONCE).map(({ id }) => id) : []))}
                onDiscard={() => setDiscarding(among)}
                onDone={() => setChosen(new Set())}
              />
            )}
            <ol className={classes.list}>
              {shown.map((reading) => (
                <RefusedRow
                  key={reading.id}
                  reading={reading}
                  chosen={decides ? chosen.has(reading.id) : null}
                  onChoose={(on) => choose(reading.id, on)}
                  onCorrect={() => setCorrecting(reading)}
                  onDiscard={() => setDiscarding([reading])}
                />
              ))}
            </ol>
          </>
        )}
      </Panel>
      {refused.hasNextPage && (
        <div className={classes.more}>
          <Button variant="default" loading={refused.isFetchingNextPage} onClick={() => void refused.fetchNextPage()}>
            Show older
          </Button>
        </div>
      )}
      {correcting && <CorrectDialog reading={correcting} onClose={() => setCorrecting(null)} />}
      {discarding.length > 0 && (
        <DiscardDialog
          readings={discarding}
          onClose={() => setDiscarding([])}
          onDone={() => {
            setDiscarding([])
            setChosen(new Set())
          }}
        />
      )}
    </>
  )
}

function Nothing({ filtered, waiting }: { filtered: boolean; waiting: boolean }) {
  if (filtered) return <Empty icon={<IconFilterOff />} title="Nothing matches these filters" />
  return (
    <Empty icon={<IconCheck />} title={waiting ? 'No refused reading waits' : 'There are none'}>
      {waiting && 'Everything that your gateways sent was stored. What can’t be believed comes here, with the reason.'}
    </Empty>
  )
}

interface SeveralProps {
  among: RefusedReading[]
  of: RefusedReading[]
  onAll: (on: boolean) => void
  onDiscard: () => void
  onDone: () => void
}

/** What can be done with all that are ticked. */
function Several({ among, of, onAll, onDiscard, onDone }: SeveralProps) {
  const { organization } = useMember()
  const client = useQueryClient()
  const sending = useMutation({
    mutationFn: () =>
      resubmitMany(
        organization,
        among.map(({ id }) => id),
      ),
    onSuccess: async (results) => {
      const refused = results.filter(({ refusal }) => refusal)
      const stored = results.length - refused.length
      if (stored > 0) toast({ tone: 'ok', title: `${count(stored)} stored`, seconds: 4 })
      if (refused[0]?.refusal) {
        toast({
          tone: 'warning',
          title: `${count(refused.length)} still refused`,
          children: refused[0].refusal.detail,
          seconds: 10,
        })
      }
      onDone()
      await client.invalidateQueries({ queryKey: quarantineKey(organization) })
    },
  })
  const some = among.length > 0
  return (
    <div className={classes.several}>
      <Checkbox
        label={some ? `${among.length} selected` : 'Select all shown'}
        checked={some && among.length === of.length}
        indeterminate={some && among.length < of.length}
        onChange={(event) => onAll(event.currentTarget.checked)}
      />
      {some && (
        <div className={classes.buttons}>
          <Button variant="default" size="sm" loading={sending.isPending} onClick={() => sending.mutate()}>
            Send in again
          </Button>
          <Button variant="subtle" size="sm" color="danger" onClick={onDiscard}>
            Discard
          </Button>
        </div>
      )}
      <Refusal error={sending.error} />
    </div>
  )
}

const count = (number: number): string => (number === 1 ? '1 reading is' : `${number} readings are`)
