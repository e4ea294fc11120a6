/** Where things are. Every feature needs it: what happens at a site is told in the time of its own clocks. */

import { queryOptions, useQuery } from '@tanstack/react-query'
import { answer, api, everyPage } from './api/client'
import type { Site } from './api/types'
import { useMember } from './member'

export const sitesQuery = (organization: string) =>
  queryOptions({
    queryKey: ['sites', organization],
    queryFn: ({ signal }): Promise<Site[]> =>
      everyPage((cursor) =>
        answer(
          api.GET('/api/v1/orgs/{organization}/sites/', {
            params: { path: { organization }, query: { page_size: 500, cursor } },
            signal,
          }),
        ),
      ),
    staleTime: 5 * 60_000,
  })

/** The time zone of a site; undefined (the reader's own) until it is known. */
export function useZone(site: string | null): string | undefined {
  const { organization } = useMember()
  return useQuery(sitesQuery(organization)).data?.find((each) => each.id === site)?.timezone
}
