import { getRouteApi } from '@tanstack/react-router'
import { KeysPage } from '@/features/organization/KeysPage'
import { Allowed } from './Allowed'

const route = getRouteApi('/signed-in/o/$org/keys')

export function KeysRoute() {
  const filters = route.useSearch()
  const navigate = route.useNavigate()
  return (
    <Allowed action="keys.view" title="API keys">
      <KeysPage filters={filters} onFilters={(search) => void navigate({ search, replace: true })} />
    </Allowed>
  )
}
