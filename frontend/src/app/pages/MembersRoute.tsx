import { getRouteApi } from '@tanstack/react-router'
import { MembersPage } from '@/features/organization/MembersPage'
import { Allowed } from './Allowed'

const route = getRouteApi('/signed-in/o/$org/members')

export function MembersRoute() {
  const navigate = route.useNavigate()
  return (
    <Allowed action="members.view" title="Members">
      <MembersPage onGone={() => void navigate({ to: '/' })} />
    </Allowed>
  )
}
