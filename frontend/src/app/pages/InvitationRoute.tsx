import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { ROLES } from '@/features/organization/roles'
import { InvitationPage } from '@/features/session/InvitationPage'
import { useTitle } from '@/shared/ui/useTitle'

const route = getRouteApi('/invitation/$token')

export function InvitationRoute() {
  const { token } = route.useParams()
  const navigate = useNavigate()
  useTitle('Invitation')
  return (
    <InvitationPage
      token={token}
      describe={(role) => ROLES[role]}
      onJoined={(org) => void navigate({ to: '/o/$org', params: { org } })}
      onVerify={() => void navigate({ to: '/verify-email', search: { next: `/invitation/${token}` } })}
    />
  )
}
