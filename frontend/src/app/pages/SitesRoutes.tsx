import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { SitePage } from '@/features/sites/SitePage'
import { SitesPage } from '@/features/sites/SitesPage'
import { useMember } from '@/shared/member'
import { sitesQuery } from '@/shared/sites'
import { useTitle } from '@/shared/ui/useTitle'
import { Allowed } from './Allowed'
import { LoadingPage, Missing, TroublePage } from './Fallbacks'

const one = getRouteApi('/signed-in/o/$org/sites/$site')

export function SitesRoute() {
  return (
    <Allowed action="places.view" title="Sites">
      <SitesPage />
    </Allowed>
  )
}

export function SiteRoute() {
  const { organization } = useMember()
  const { site: id } = one.useParams()
  const sites = useQuery(sitesQuery(organization))
  const site = sites.data?.find((each) => each.id === id)
  useTitle(site?.name ?? 'Site')
  if (sites.error && !sites.data) return <TroublePage error={sites.error} retry={() => void sites.refetch()} />
  if (!sites.data) return <LoadingPage />
  return site ? <SitePage key={id} site={site} /> : <Missing what="site" />
}
