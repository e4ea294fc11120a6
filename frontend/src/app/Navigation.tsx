import { Drawer } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useLocation } from '@tanstack/react-router'
import { useState } from 'react'
import { coverageQuery } from '@/features/coverage/queries'
import { summaryQuery } from '@/features/quarantine/queries'
import type { Action, Membership } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import {
  IconBell,
  IconBellOff,
  IconCheck,
  IconDashboard,
  IconEscalate,
  IconHistory,
  IconKey,
  IconMail,
  IconMore,
  IconPeople,
  IconPerson,
  IconPhone,
  IconPlus,
  IconRefused,
  IconRules,
  IconSend,
  IconSettings,
  IconShield,
  IconStore,
} from '@/shared/ui/icons'
import classes from './Navigation.module.css'
import { initial } from './OrganizationMenu'
import { RestrictedHint } from './RestrictedHint'

interface Entry {
  to:
    | '/o/$org'
    | '/o/$org/alerts'
    | '/o/$org/rules'
    | '/o/$org/mutes'
    | '/o/$org/escalation'
    | '/o/$org/on-call'
    | '/o/$org/coverage'
    | '/o/$org/sites'
    | '/o/$org/members'
    | '/o/$org/keys'
    | '/o/$org/quarantine'
    | '/o/$org/deliveries'
    | '/o/$org/audit'
    | '/o/$org/settings'
  words: string
  icon: typeof IconBell
  /** Addresses below the organization that belong to it, besides its own. */
  below?: string
  /** Only for members who may. */
  needs?: Action
}

/** What everybody does all day: always at hand. */
const DAILY: Entry[] = [
  { to: '/o/$org', words: 'Dashboard', icon: IconDashboard, below: '/units' },
  { to: '/o/$org/alerts', words: 'Alerts', icon: IconBell },
]

/** What is looked after now and then; on a phone behind "More". */
const SELDOM: Entry[] = [
  { to: '/o/$org/rules', words: 'Rules', icon: IconRules, needs: 'rules.view' },
  { to: '/o/$org/mutes', words: 'Mutes', icon: IconBellOff, needs: 'mutes.view' },
  { to: '/o/$org/escalation', words: 'Escalation', icon: IconEscalate, needs: 'escalation.view' },
  { to: '/o/$org/on-call', words: 'On call', icon: IconPhone, needs: 'oncall.view' },
  { to: '/o/$org/coverage', words: 'Coverage', icon: IconShield, needs: 'coverage.view' },
  { to: '/o/$org/sites', words: 'Sites', icon: IconStore, needs: 'places.view' },
  { to: '/o/$org/members', words: 'Members', icon: IconPeople, needs: 'members.view' },
  { to: '/o/$org/keys', words: 'API keys', icon: IconKey, needs: 'keys.view' },
  { to: '/o/$org/quarantine', words: 'Refused', icon: IconRefused, needs: 'quarantine.view' },
  { to: '/o/$org/deliveries', words: 'Deliveries', icon: IconSend, needs: 'notifications.resend' },
  { to: '/o/$org/audit', words: 'Audit trail', icon: IconHistory, needs: 'audit.view' },
  { to: '/o/$org/settings', words: 'Settings', icon: IconSettings, needs: 'organization.change' },
]

/** Which entry the address belongs to: a unit's page is part of the dashboard. */
function useCurrent() {
  const { organization } = useMember()
  const { pathname } = useLocation()
  const place = pathname.slice(`/o/${organization}`.length).replace(/\/$/, '')
  return ({ to, below }: Entry): boolean => {
    const own = to.slice('/o/$org'.length)
    if (own === '') return place === '' || (below !== undefined && place.startsWith(below))
    return place.startsWith(own)
  }
}

/** The links of the frame: all of them in the sidebar, the daily ones and "More" in the bar of a phone. */
export function Navigation({ memberships, open }: { memberships: readonly Membership[]; open: number }) {
  const member = useMember()
  const { pathname } = useLocation()
  const isCurrent = useCurrent()
  // The sheet belongs to the page it was opened on: a link in it closes it by leading away.
  const [sheet, setSheet] = useState<string | null>(null)
  const seldom = SELDOM.filter(({ needs }) => !needs || may(member, needs))
  const onAccount = pathname.startsWith(`/o/${member.organization}/account`)
  const onOwnTelling = pathname.startsWith(`/o/${member.organization}/account/notifications`)
  const refused = useQuery({ ...summaryQuery(member.organization), enabled: may(member, 'quarantine.view') }).data
  const holes = useQuery({ ...coverageQuery(member.organization), enabled: may(member, 'coverage.view') }).data?.counts
  const waitingAt = ({ to }: Entry) => {
    if (to === '/o/$org/quarantine') return { open: refused?.last_24_h ?? 0, word: 'new' }
    return to === '/o/$org/coverage' && holes ? { open: holes.critical + holes.warning, word: 'to mend' } : {}
  }
  const isBehind = onAccount || seldom.some(isCurrent)
  return (
    <>
      <ul className={classes.links}>
        {DAILY.map((entry) => (
          <Item key={entry.to} entry={entry} current={isCurrent(entry)} open={entry.words === 'Alerts' ? open : 0} />
        ))}
        <li className={classes.phone}>
          <button
            type="button"
            className={classes.link}
            aria-haspopup="dialog"
            aria-expanded={sheet === pathname}
            data-current={isBehind || undefined}
            onClick={() => setSheet(pathname)}
          >
            <IconMore size={22} />
            More
          </button>
        </li>
        {seldom.map((entry) => (
          <Item key={entry.to} entry={entry} current={isCurrent(entry)} {...waitingAt(entry)} desk />
        ))}
        <li className={classes.desk}>
          <TellingLink current={onOwnTelling} className={classes.link} />
        </li>
        <li className={classes.desk}>
          <AccountLink current={onAccount && !onOwnTelling} className={classes.link} />
        </li>
      </ul>
      <Drawer
        opened={sheet === pathname}
        onClose={() => setSheet(null)}
        position="bottom"
        size="auto"
        title={member.organizationName}
        classNames={{ title: classes.title, content: classes.sheet }}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <RestrictedHint />
        <ul className={classes.rows}>
          {seldom.map((entry) => (
            <Item key={entry.to} entry={entry} current={isCurrent(entry)} {...waitingAt(entry)} />
          ))}
          <li>
            <TellingLink current={onOwnTelling} className={classes.link} />
          </li>
          <li>
            <AccountLink current={onAccount && !onOwnTelling} className={classes.link} />
          </li>
        </ul>
        <Organizations memberships={memberships} />
      </Drawer>
    </>
  )
}

function AccountLink({ current, className }: { current: boolean; className: string | undefined }) {
  const { organization } = useMember()
  return (
    <Link
      to="/o/$org/account"
      params={{ org: organization }}
      // How one is told has an entry of its own.
      activeOptions={{ exact: true }}
      className={className}
      aria-current={current ? 'page' : undefined}
    >
      <IconPerson size={22} />
      Account
    </Link>
  )
}

/** Where, how and when the person is told. */
function TellingLink({ current, className }: { current: boolean; className: string | undefined }) {
  const { organization } = useMember()
  return (
    <Link
      to="/o/$org/account/$section"
      params={{ org: organization, section: 'notifications' }}
      className={className}
      aria-current={current ? 'page' : undefined}
    >
      <IconMail size={22} />
      Notifications
    </Link>
  )
}

interface ItemProps {
  entry: Entry
  current: boolean
  /** Only in the sidebar. */
  desk?: boolean
  /** How many are waiting there. */
  open?: number
  word?: string
}

function Item({ entry: { to, words, icon: Icon }, current, desk, open = 0, word = 'open' }: ItemProps) {
  const { organization } = useMember()
  return (
    <li className={desk ? classes.desk : undefined}>
      <Link
        to={to}
        params={{ org: organization }}
        // Which link is current is ours to say: a unit's page belongs to the dashboard.
        activeOptions={{ exact: true }}
        className={classes.link}
        aria-current={current ? 'page' : undefined}
      >
        <span className={classes.icon}>
          <Icon size={22} />
          {open > 0 && (
            <span className={classes.badge} aria-hidden="true">
              {open > 99 ? '99+' : open}
            </span>
          )}
        </span>
        {words}
        {open > 0 && (
          <span className="visually-hidden">
            , {open > 99 ? 'more than 99' : open} {word}
          </span>
        )}
      </Link>
    </li>
  )
}

/** The other organizations, in the sheet of a phone. */
function Organizations({ memberships }: { memberships: readonly Membership[] }) {
  const { organization } = useMember()
  return (
    <section className={classes.organizations} aria-label="Organizations">
      <h2 className={classes.heading}>Organizations</h2>
      <ul className={classes.rows}>
        {memberships.map(({ org }) => (
          <li key={org.slug}>
            <Link
              to="/o/$org"
              params={{ org: org.slug }}
              activeOptions={{ exact: true }}
              className={classes.link}
              aria-current={org.slug === organization ? 'true' : undefined}
            >
              <span className={classes.mark} aria-hidden="true">
                {initial(org.name)}
              </span>
              <span className={classes.name}>{org.name}</span>
              {org.slug === organization && <IconCheck size={20} />}
            </Link>
          </li>
        ))}
        <li>
          <Link to="/new-organization" className={classes.link}>
            <IconPlus size={22} />
            New organization
          </Link>
        </li>
      </ul>
    </section>
  )
}
