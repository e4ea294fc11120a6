import { getRouteApi } from '@tanstack/react-router'
import { DeliveriesPage } from '@/features/deliveries/DeliveriesPage'
import { Allowed } from './Allowed'

const route = getRouteApi('/signed-in/o/$org/deliveries')

/** For those who may do something about what failed: managers and above. */
export function DeliveriesRoute() {
  const filters = route.useSearch()
  const navigate = route.useNavigate()
  return (
    <Allowed action="notifications.resend" title="Deliveries">
      <DeliveriesPage filters={filters} onFilters={(search) => void navigate({ search, replace: true })} />
    </Allowed>
  )
}
