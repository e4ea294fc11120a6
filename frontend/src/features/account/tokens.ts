/** Personal access tokens: the API in the person's own name. */

import { queryOptions } from '@tanstack/react-query'
import { answer, api, everyPage } from '@/shared/api/client'
import type { components } from '@/shared/api/schema'

export type AccessToken = components['schemas']['AccessToken']
export type NewAccessToken = components['schemas']['NewAccessToken']
export type Scope = AccessToken['scopes'][number]

/** Those that still work or have run out; revoked ones are of no use to anybody. */
export const tokensQuery = queryOptions({
  queryKey: ['account', 'tokens'],
  queryFn: ({ signal }): Promise<AccessToken[]> =>
    everyPage((cursor) =>
      answer(
        api.GET('/api/v1/me/access-tokens/', { params: { query: { revoked: false, page_size: 100, cursor } }, signal }),
      ),
    ),
})

export interface Wanted {
  name: string
  scopes: Scope[]
  expires_at: string | null
}

/** The answer has the secret in it, this once. */
export const makeToken = (body: Wanted): Promise<NewAccessToken> =>
  answer(api.POST('/api/v1/me/access-tokens/', { body }))

export const revokeToken = (token: string): Promise<unknown> =>
  answer(api.DELETE('/api/v1/me/access-tokens/{token}/', { params: { path: { token } } }))
