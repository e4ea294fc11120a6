import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { openAlertsQuery } from '@/features/alerts/queries'
import type { Membership } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { Logo } from '@/shared/ui/Logo'
import { useTitleBadge } from '@/shared/ui/useTitle'
import { ConnectionIndicator } from './ConnectionIndicator'
import { InboxBell } from './InboxBell'
import { Navigation } from './Navigation'
import { OrganizationMenu } from './OrganizationMenu'
import { RestrictedHint } from './RestrictedHint'
import classes from './Shell.module.css'

interface Props {
  memberships: readonly Membership[]
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
        <div className={classes.corner}>
          <div className={classes.connection}>
            <ConnectionIndicator />
          </div>
          <InboxBell />
        </div>
      </header>
      <nav className={classes.nav} aria-label="Main">
        <div className={classes.switch}>
          <OrganizationMenu memberships={memberships} />
          <RestrictedHint />
        </div>
        <Navigation memberships={memberships} open={open} />
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
