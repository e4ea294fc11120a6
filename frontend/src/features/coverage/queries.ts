/** Holes through which an alert would fall. */

import { queryOptions } from '@tanstack/react-query'
import { answer, api } from '@/shared/api/client'
import type { components } from '@/shared/api/schema'

export type Coverage = components['schemas']['Coverage']
export type Hole = components['schemas']['Hole']

/** Addresses fail and duties change hands without a word: looked at again now and then. */
const SELDOM = 5 * 60_000

export const coverageQuery = (organization: string) =>
  queryOptions({
    queryKey: ['coverage', organization],
    queryFn: ({ signal }): Promise<Coverage> =>
      answer(api.GET('/api/v1/orgs/{organization}/coverage/', { params: { path: { organization } }, signal })),
    refetchInterval: SELDOM,
    staleTime: 60_000,
  })
