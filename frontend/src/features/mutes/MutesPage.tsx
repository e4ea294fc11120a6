import { Button } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { Colleague, Mute } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { useNow } from '@/shared/now'
import { useZone } from '@/shared/sites'
import { IconBell, IconBellOff } from '@/shared/ui/icons'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { duration, momentAt } from '@/shared/units'
import { MuteDialog, type Target } from './MuteDialog'
import { EndButton } from './MuteNotices'
import classes from './Mutes.module.css'
import { activeMutesQuery, otherMutesQuery } from './queries'
import { isNow, type Subjects, silencedWords, subjectWords } from './words'

interface Props {
  subjects: Subjects
  colleagues: Colleague[]
}

/** When nobody is told: now, in windows to come, and in the past, with what was kept quiet. */
export function MutesPage({ subjects, colleagues }: Props) {
  const member = useMember()
  const [making, setMaking] = useState(false)
  const active = useQuery(activeMutesQuery(member.organization))
  const others = useInfiniteQuery(otherMutesQuery(member.organization))
  const rest = others.data?.pages.flatMap((page) => page.results) ?? []
  // The server says which don't keep quiet now. Windows to come end last, so they are on the first pages.
  const [now] = useState(Date.now)
  const isPlanned = (mute: Mute) => Date.parse(mute.starts_at) > now && mute.starts_at !== mute.ends_at
  const planned = rest.filter(isPlanned).reverse()
  const past = rest.filter((mute) => !isPlanned(mute))
  const common = { subjects, colleagues }
  return (
    <Page
      title="Mutes"
      above={member.organizationName}
      below="Times in which nobody is told. Readings are recorded and alerts open all the same; what still lasts at the end is told then."
      actions={may(member, 'mutes.change') && <Button onClick={() => setMaking(true)}>New mute</Button>}
    >
      <Panel title="Now" flush>
        {active.isPending && <Loading rows={2} />}
        {active.error && !active.data && <Trouble error={active.error} retry={() => void active.refetch()} />}
        {active.data?.length === 0 && (
          <Empty icon={<IconBell />} title="Nothing is muted">
            Everybody is told of everything.
          </Empty>
        )}
        {active.data && active.data.length > 0 && <Mutes mutes={active.data} {...common} />}
      </Panel>
      {planned.length > 0 && (
        <Panel title="Planned" flush>
          <Mutes mutes={planned} {...common} />
        </Panel>
      )}
      <Panel title="Over" flush>
        {others.isPending && <Loading rows={3} />}
        {others.error && !others.data && <Trouble error={others.error} retry={() => void others.refetch()} />}
        {others.data && past.length === 0 && <Empty icon={<IconBellOff />} title="Nothing has been muted yet" />}
        {past.length > 0 && <Mutes mutes={past} {...common} />}
      </Panel>
      {others.hasNextPage && (
        <div className={classes.older}>
          <Button variant="default" loading={others.isFetchingNextPage} onClick={() => void others.fetchNextPage()}>
            Show older
          </Button>
        </div>
      )}
      {making && <NewMute subjects={subjects} onClose={() => setMaking(false)} />}
    </Page>
  )
}

function Mutes({ mutes, subjects, colleagues }: Props & { mutes: Mute[] }) {
  return (
    <ul className={classes.list}>
      {mutes.map((mute) => (
        <Row key={mute.id} {...{ mute, subjects, colleagues }} />
      ))}
    </ul>
  )
}

function Row({ mute, subjects, colleagues }: Props & { mute: Mute }) {
  const member = useMember()
  const unit = subjects.units.find(({ id }) => id === mute.unit)
  const zone = useZone(mute.site ?? unit?.site ?? null)
  const left = useNow((now) => (isNow(mute, now) ? duration(Date.parse(mute.ends_at) - now) : ''))
  const toCome = useNow((now) => Date.parse(mute.starts_at) > now)
  const by = byWords(mute, colleagues)
  const mayEnd =
    (left !== '' || toCome) &&
    may(member, 'mutes.change') &&
    (!member.sites || mute.site !== null || mute.unit !== null)
  return (
    <li className={classes.row}>
      <div className={classes.what}>
        <strong>{capital(subjectWords(mute, subjects))}</strong>
        <span>{mute.reason || (mute.kind === 'maintenance' ? 'Maintenance' : 'No reason given')}</span>
        <span className={classes.small}>
          {mute.kind === 'maintenance' && 'Maintenance window · '}
          {momentAt(mute.starts_at, zone)} – {momentAt(mute.ends_at, zone)}
          {left && ` · ${left} left`}
        </span>
        <span className={classes.small}>
          {[by, !toCome && silencedWords(mute)].filter(Boolean).join(' · ')}
          {unit && (
            <>
              {' · '}
              <Link to="/o/$org/units/$unit" params={{ org: member.organization, unit: unit.id }}>
                Show unit
              </Link>
            </>
          )}
        </span>
      </div>
      {mayEnd && <EndButton mute={mute} />}
    </li>
  )
}

function byWords({ created_by }: Mute, colleagues: Colleague[]): string | null {
  const user = colleagues.find((each) => each.user.id === created_by)?.user
  return user ? `by ${user.name || user.email}` : null
}

const capital = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1)

/** Everything that can be muted, the narrowest last: one searches by typing. */
function NewMute({ subjects, onClose }: { subjects: Subjects; onClose: () => void }) {
  const member = useMember()
  const { sites, units, rules } = subjects
  const siteName = (id: string) => sites.find((site) => site.id === id)?.name ?? ''
  const targets: Target[] = [
    ...sites.map(({ id, name }) => ({ words: `Site: ${name}`, site: id })),
    ...units.map(({ id, name, site }) => ({ words: `Unit: ${name} (${siteName(site)})`, unit: id })),
    ...(member.sites
      ? []
      : [
          ...rules.filter(({ name }) => name).map(({ id, name }) => ({ words: `Rule: ${name}`, rule: id })),
          { words: 'The whole organization' },
        ]),
  ]
  return <MuteDialog targets={targets} site={null} onClose={onClose} />
}
