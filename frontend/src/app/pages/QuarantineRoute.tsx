import { getRouteApi } from '@tanstack/react-router'
import { QuarantinePage } from '@/features/quarantine/QuarantinePage'
import { Allowed } from './Allowed'

const route = getRouteApi('/signed-in/o/$org/quarantine')

export function QuarantineRoute() {
  const filters = route.useSearch()
  const navigate = route.useNavigate()
  return (
    <Allowed action="quarantine.view" title="Refused readings">
      <QuarantinePage filters={filters} onFilters={(search) => void navigate({ search, replace: true })} />
    </Allowed>
  )
}
