import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { useEffect } from 'react'
import { organizationQuery } from '@/features/organization/queries'
import { meQuery } from '@/features/session/queries'
import { NotFound, Starting } from './pages/Fallbacks'

/**
 * An address below an organization that isn't among the person's own: perhaps it has another name now, or they have
 * just joined. The server answers under old names too; then the same page opens under the new one.
 */
export function MovedOrganization({ slug }: { slug: string }) {
  const client = useQueryClient()
  const router = useRouter()
  // What is known of it may be from before the change.
  const found = useQuery({ ...organizationQuery(slug), refetchOnMount: 'always' })
  const now = found.isFetchedAfterMount ? found.data?.slug : undefined
  useEffect(() => {
    if (!now) return
    void client.fetchQuery({ ...meQuery, staleTime: 0 }).then(() => {
      if (now === slug) return undefined
      const { pathname, searchStr, hash } = router.state.location
      const rest = pathname.slice(`/o/${slug}`.length)
      return router.navigate({ href: `/o/${now}${rest}${searchStr}${hash && `#${hash}`}`, replace: true })
    })
  }, [client, router, slug, now])
  return found.isError ? <NotFound /> : <Starting />
}
