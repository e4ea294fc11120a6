import { NativeSelect } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useLocation, useNavigate } from '@tanstack/react-router'
import { openAlertsQuery } from '@/features/alerts/queries'
import type { Me } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { IconBell, IconDashboard, IconPerson } from '@/shared/ui/icons'
import { Logo } from '@/shared/ui/Logo'
import { useTitleBadge } from '@/shared/ui/useTitle'
import { ConnectionIndicator } from './ConnectionIndicator'
import classes from './Shell.module.css'

interface Props {
  memberships: Me['memberships']
  children: React.ReactNode
}

/** The frame: a sidebar on a desk, a bar at the top and one at the bottom on a phone. */
export function Shell({ memberships, children }: Props) {
  const { organization } = useMember()
  const open = useQuery(openAlertsQuery(organization)).data?.length ?? 0
  useTitleBadge(open)
  return (
    <div className={classes.shell}>
      <a href="#content" className="skip-link">
        Skip to content
      </a>
      <header className={classes.brand}>
        <Link to="/o/$org" params={{ org: organization }} className={classes.home}>
          <Logo />
          FreshTrack
        </Link>
        <div className={classes.connection}>
          <ConnectionIndicator />
        </div>
      </header>
      <nav className={classes.nav} aria-label="Main">
        {memberships.length > 1 && <OrganizationSwitch memberships={memberships} />}
        <NavLinks open={open} />
        <div className={classes.foot}>
          <ConnectionIndicator />
        </div>
      </nav>
      <main id="content" className={classes.content} tabIndex={-1}>
        {children}
      </main>
    </div>
  )
}

function NavLinks({ open }: { open: number }) {
  const { organization } = useMember()
  const { pathname } = useLocation()
  const base = `/o/${organization}`
  const links = [
    {
      to: '/o/$org',
      words: 'Dashboard',
      icon: IconDashboard,
      current: pathname === base || pathname === `${base}/` || pathname.startsWith(`${base}/units`),
    },
    { to: '/o/$org/alerts', words: 'Alerts', icon: IconBell, current: pathname.startsWith(`${base}/alerts`) },
    { to: '/o/$org/account', words: 'Account', icon: IconPerson, current: pathname === `${base}/account` },
  ] as const
  return (
    <ul className={classes.links}>
      {links.map(({ to, words, icon: Icon, current }) => (
        <li key={to}>
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
              {words === 'Alerts' && open > 0 && (
                <span className={classes.badge} aria-hidden="true">
                  {open > 99 ? '99+' : open}
                </span>
              )}
            </span>
            {words}
            {words === 'Alerts' && open > 0 && <span className="visually-hidden">, {open} open</span>}
          </Link>
        </li>
      ))}
    </ul>
  )
}

function OrganizationSwitch({ memberships }: { memberships: Me['memberships'] }) {
  const { organization } = useMember()
  const navigate = useNavigate()
  return (
    <NativeSelect
      className={classes.switch}
      aria-label="Organization"
      value={organization}
      onChange={(event) => void navigate({ to: '/o/$org', params: { org: event.currentTarget.value } })}
      data={memberships.map(({ org }) => ({ value: org.slug, label: org.name }))}
    />
  )
}
