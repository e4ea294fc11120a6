/** Restrictions in words. */

import { useQuery } from '@tanstack/react-query'
import { useMember } from '@/shared/member'
import { sitesQuery } from '@/shared/sites'

/** "All sites", "Harbour Street Kitchen, Old Town Bar", "Harbour Street Kitchen and 4 more". */
export function useSiteNames(): (sites: readonly string[] | null) => string {
  const { organization } = useMember()
  const sites = useQuery(sitesQuery(organization)).data
  const names = new Map(sites?.map(({ id, name }) => [id, name]))
  return (ids) => {
    if (ids === null) return 'All sites'
    const known = ids.flatMap((id) => names.get(id) ?? [])
    // Sites that the reader may not see, or that were deleted, are counted only.
    const shown = ids.length <= 2 ? known : known.slice(0, 1)
    const rest = ids.length - shown.length
    if (shown.length === 0) return ids.length === 1 ? '1 site' : `${ids.length} sites`
    return shown.join(', ') + (rest > 0 ? ` and ${rest} more` : '')
  }
}
