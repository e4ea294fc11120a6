import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { AlertsPage } from '@/features/alerts/AlertsPage'
import { useMember } from '@/shared/member'
import { sitesQuery } from '@/shared/sites'
import { useTitle } from '@/shared/ui/useTitle'

const route = getRouteApi('/signed-in/o/$org/alerts')

export function AlertsRoute() {
  const { organization } = useMember()
  const filters = route.useSearch()
  const navigate = route.useNavigate()
  useTitle('Alerts')
  const sites = useQuery(sitesQuery(organization)).data ?? []
  return <AlertsPage {...{ filters, sites }} onFilters={(search) => void navigate({ search, replace: true })} />
}
