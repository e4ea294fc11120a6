import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useMemo } from 'react'
import { AuditPage } from '@/features/organization/AuditPage'
import { membersQuery } from '@/features/organization/people'
import { areasQuery, unitsQuery } from '@/features/units/queries'
import { useMember } from '@/shared/member'
import { rulesQuery } from '@/shared/rules'
import { sitesQuery } from '@/shared/sites'
import { Allowed } from './Allowed'

const route = getRouteApi('/signed-in/o/$org/audit')

export function AuditRoute() {
  const filters = route.useSearch()
  const navigate = route.useNavigate()
  return (
    <Allowed action="audit.view" title="Audit trail">
      <Trail filters={filters} onFilters={(search) => void navigate({ search, replace: true })} />
    </Allowed>
  )
}

/** The log has ids; the names of what is there now are known to several features. */
function Trail(props: Omit<React.ComponentProps<typeof AuditPage>, 'nameOf'>) {
  const { organization } = useMember()
  const sites = useQuery(sitesQuery(organization)).data
  const areas = useQuery(areasQuery(organization)).data
  const units = useQuery(unitsQuery(organization)).data
  const rules = useQuery(rulesQuery(organization)).data
  const members = useQuery(membersQuery(organization)).data
  const names = useMemo(() => {
    const places = [sites, areas, units, rules].flatMap<{ id: string; name?: string }>((rows) => rows ?? [])
    const known = new Map(places.flatMap(({ id, name }) => (name ? [[id, name] as const] : [])))
    for (const { id, user } of members ?? []) {
      known.set(id, user.name || user.email)
      known.set(user.id, user.name || user.email)
    }
    return known
  }, [sites, areas, units, rules, members])
  return <AuditPage {...props} nameOf={(id) => names.get(id)} />
}
