import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { AuditEvent } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { IconDownload, IconFilterOff, IconHistory } from '@/shared/ui/icons'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { dayOf } from '@/shared/units'
import classes from './AuditPage.module.css'
import { AuditRow } from './AuditRow'
import { ACTIONS, type AuditAction, type AuditFilters, auditQuery, csvAddress } from './audit'
import { ENTITIES, type NameOf, namesIn } from './auditWords'
import { membersQuery } from './people'

interface Props {
  filters: AuditFilters
  onFilters: (filters: AuditFilters) => void
  /** Names of what other features know: units, rules. */
  nameOf: NameOf
}

/** Who changed what, newest first, day by day. */
export function AuditPage({ filters, onFilters, nameOf: nameNow }: Props) {
  const { organization, organizationName } = useMember()
  const events = useInfiniteQuery(auditQuery(organization, filters))
  const shown = events.data?.pages.flatMap((page) => page.results)
  const filtered = Object.values(filters).some(Boolean)
  const told = namesIn(shown ?? [])
  const nameOf: NameOf = (id) => nameNow(id) ?? told.get(id)
  return (
    <Page
      title="Audit trail"
      above={organizationName}
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
      <Filters filters={filters} onFilters={onFilters} />
      {events.isPending && (
        <Panel>
          <Loading rows={6} />
        </Panel>
      )}
      {events.error && !shown && (
        <Panel>
          <Trouble error={events.error} retry={() => void events.refetch()} />
        </Panel>
      )}
      {shown?.length === 0 && (
        <Panel>
          <Empty icon={<IconHistory />} title={filtered ? 'Nothing matches these filters' : 'Nothing was changed yet'}>
            {!filtered && 'Every change is recorded here, with who made it and from where. Nobody can edit the record.'}
          </Empty>
        </Panel>
      )}
      {shown &&
        byDay(shown).map(([day, ofDay]) => <Day key={day} {...{ day, nameOf }} events={ofDay} onFilters={onFilters} />)}
      {events.hasNextPage && (
        <div className={classes.more}>
          <Button variant="default" loading={events.isFetchingNextPage} onClick={() => void events.fetchNextPage()}>
            Show older
          </Button>
        </div>
      )}
    </Page>
  )
}

function byDay(events: AuditEvent[]): [string, AuditEvent[]][] {
  const days = new Map<string, AuditEvent[]>()
  for (const event of events) {
    const day = dayOf(event.at)
    const sameDay = days.get(day)
    if (sameDay) sameDay.push(event)
    else days.set(day, [event])
  }
  return [...days]
}

interface DayProps {
  day: string
  events: AuditEvent[]
  nameOf: NameOf
  onFilters: Props['onFilters']
}

function Day({ day, events, nameOf, onFilters }: DayProps) {
  return (
    <Panel title={day} flush>
      <ol className={classes.list}>
        {events.map((event) => (
          <AuditRow key={event.id} event={event} nameOf={nameOf} onObject={(object) => onFilters({ object })} />
        ))}
      </ol>
    </Panel>
  )
}

function Filters({ filters, onFilters }: Omit<Props, 'nameOf'>) {
  const { organization } = useMember()
  const members = useQuery(membersQuery(organization)).data ?? []
  const set = (change: AuditFilters) => onFilters({ ...filters, ...change })
  // On a phone the rest opens on demand; what is set is never hidden.
  const [more, setMore] = useState(false)
  const { actor, entity, ...rare } = filters
  const shown = more || Object.values(rare).some(Boolean)
  const people = members.map(({ user }) => ({ value: user.id, label: user.name || user.email }))
  // A link may name somebody who has left since.
  if (filters.actor && !people.some(({ value }) => value === filters.actor)) {
    people.push({ value: filters.actor, label: 'A former member' })
  }
  return (
    <search className={classes.filters} data-all={shown || undefined}>
      <NativeSelect
        label="Person"
        value={filters.actor ?? ''}
        onChange={(event) => set({ actor: event.currentTarget.value || undefined })}
        data={[{ value: '', label: 'Anybody' }, ...people]}
      />
      <NativeSelect
        label="What"
        value={filters.entity ?? ''}
        onChange={(event) => set({ entity: event.currentTarget.value || undefined })}
        data={[
          { value: '', label: 'Everything' },
          ...Object.entries(ENTITIES).map(([value, word]) => ({ value, label: capital(word) })),
        ]}
      />
      {!shown && (
        <Button variant="default" className={classes.all} onClick={() => setMore(true)}>
          More filters
        </Button>
      )}
      <NativeSelect
        className={classes.rare}
        label="Done"
        value={filters.action ?? ''}
        onChange={(event) => set({ action: (event.currentTarget.value || undefined) as AuditAction | undefined })}
        data={[
          { value: '', label: 'Any change' },
          ...Object.entries(ACTIONS).map(([value, label]) => ({ value, label })),
        ]}
      />
      <TextInput
        className={classes.rare}
        label="From"
        type="date"
        size="sm"
        max={filters.to}
        value={filters.from ?? ''}
        onChange={(event) => set({ from: event.currentTarget.value || undefined })}
      />
      <TextInput
        className={classes.rare}
        label="To"
        type="date"
        size="sm"
        min={filters.from}
        value={filters.to ?? ''}
        onChange={(event) => set({ to: event.currentTarget.value || undefined })}
      />
      <ObjectField key={filters.object} value={filters.object ?? ''} onChange={(object) => set({ object })} />
      {Object.values(filters).some(Boolean) && (
        <Button variant="subtle" leftSection={<IconFilterOff size={18} />} onClick={() => onFilters({})}>
          Clear filters
        </Button>
      )}
    </search>
  )
}

/** Looks when the field is left or Enter is pressed: half an id finds nothing. */
function ObjectField({ value, onChange }: { value: string; onChange: (object: string | undefined) => void }) {
  const look = (text: string) => {
    if (text.trim() !== value) onChange(text.trim() || undefined)
  }
  return (
    <TextInput
      className={classes.rare}
      label="Object id"
      size="sm"
      placeholder="From an address or an export"
      defaultValue={value}
      onBlur={(event) => look(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === 'Enter') look(event.currentTarget.value)
      }}
    />
  )
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)
