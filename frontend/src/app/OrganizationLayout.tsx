import { Notifications } from '@mantine/notifications'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Outlet } from '@tanstack/react-router'
import { useMemo } from 'react'
import { AlertToasts } from '@/features/alerts/AlertToasts'
import { meQuery } from '@/features/session/queries'
import type { Membership } from '@/shared/api/types'
import { type Member, MemberContext } from '@/shared/member'
import { LiveProvider } from './LiveProvider'
import { MovedOrganization } from './MovedOrganization'
import { Starting } from './pages/Fallbacks'
import { Shell } from './Shell'
import { useBackToSignIn } from './useBackToSignIn'

const route = getRouteApi('/signed-in/o/$org')

function memberOf({ org, role, sites, permissions }: Membership): Member {
  return { organization: org.slug, organizationName: org.name, role, sites, permissions }
}

/** Everything inside one organization: who looks, the live connection, the frame and the toasts. */
export function OrganizationLayout() {
  const { org } = route.useParams()
  const me = useQuery(meQuery).data
  useBackToSignIn(me === null)
  const membership = me?.memberships.find((each) => each.org.slug === org)
  const member = useMemo<Member | undefined>(() => membership && memberOf(membership), [membership])
  if (!me) return <Starting />
  if (!member) return <MovedOrganization key={org} slug={org} />
  return (
    <MemberContext.Provider value={member}>
      <LiveProvider key={org} organization={org}>
        <Shell memberships={me.memberships}>
          <Outlet />
        </Shell>
        <Notifications position="top-right" limit={4} pauseResetOnHover="notification" zIndex={300} />
        <AlertToasts />
      </LiveProvider>
    </MemberContext.Provider>
  )
}
