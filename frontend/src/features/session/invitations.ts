/** The invitation behind a link: who offers what, and accepting it. */

import { type QueryClient, queryOptions } from '@tanstack/react-query'
import { answer, api } from '@/shared/api/client'
import type { components } from '@/shared/api/schema'
import type { Membership } from '@/shared/api/types'
import { meQuery, signOut } from './queries'

export type Invited = components['schemas']['LookUp']

/** Asking also tells the server that this browser holds the link, which proves the address. */
export const invitationQuery = (token: string) =>
  queryOptions({
    queryKey: ['invitation', token],
    queryFn: ({ signal }): Promise<Invited> =>
      answer(api.POST('/api/v1/invitations/look-up/', { body: { token }, signal })),
    staleTime: 60_000,
    refetchOnWindowFocus: false,
  })

/** Joins, and learns what the person may do there. */
export async function acceptInvitation(client: QueryClient, token: string): Promise<Membership> {
  const membership = (await answer(api.POST('/api/v1/invitations/accept/', { body: { token } }))) as Membership
  await client.fetchQuery({ ...meQuery, staleTime: 0 })
  return membership
}

/** Signs out whoever has another address, and proves the address of the invitation to the new session. */
export async function signOutFor(client: QueryClient, token: string): Promise<void> {
  await signOut(client)
  await client.fetchQuery({ ...invitationQuery(token), staleTime: 0 })
}
