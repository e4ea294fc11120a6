/** API keys: what gateways send readings with. */

import { infiniteQueryOptions } from '@tanstack/react-query'
import { answer, api, cursorOf, type PageOf } from '@/shared/api/client'
import type { ApiKey, NewApiKey } from '@/shared/api/types'

const PAGE = 50

export const keysKey = (organization: string) => ['api-keys', organization] as const

export const keysQuery = (organization: string, revoked: boolean) =>
  infiniteQueryOptions({
    queryKey: [...keysKey(organization), revoked],
    queryFn: ({ signal, pageParam }): Promise<PageOf<ApiKey>> =>
      answer(
        api.GET('/api/v1/orgs/{organization}/api-keys/', {
          params: { path: { organization }, query: { revoked, page_size: PAGE, cursor: pageParam } },
          signal,
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => cursorOf(page.next),
  })

/** The answer is the only one that ever has the secret. */
export const createKey = (organization: string, name: string, expiresAt: string | null): Promise<NewApiKey> =>
  answer(
    api.POST('/api/v1/orgs/{organization}/api-keys/', {
      params: { path: { organization } },
      body: { name, scopes: ['ingest'], expires_at: expiresAt },
    }),
  )

export const revokeKey = (organization: string, id: string): Promise<unknown> =>
  answer(api.DELETE('/api/v1/orgs/{organization}/api-keys/{id}/', { params: { path: { organization, id } } }))

export type KeyState = 'active' | 'expired' | 'revoked'

export function stateOf(key: ApiKey, now: number): KeyState {
  if (key.revoked_at) return 'revoked'
  return key.expires_at && Date.parse(key.expires_at) <= now ? 'expired' : 'active'
}
