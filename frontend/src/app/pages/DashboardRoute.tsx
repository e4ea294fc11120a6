import { getRouteApi } from '@tanstack/react-router'
import { DashboardPage } from '@/features/units/DashboardPage'
import { useTitle } from '@/shared/ui/useTitle'

const route = getRouteApi('/signed-in/o/$org/')

export function DashboardRoute() {
  const filters = route.useSearch()
  const navigate = route.useNavigate()
  useTitle('Dashboard')
  return <DashboardPage filters={filters} onFilters={(search) => void navigate({ search, replace: true })} />
}
