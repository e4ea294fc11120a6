/** Members and invitations of one organization, and the person's own invitations elsewhere. */

import { queryOptions } from '@tanstack/react-query'
import { answer, api, everyPage } from '@/shared/api/client'
import type { Colleague, Invitation, Membership, Offer, Role } from '@/shared/api/types'

export const membersQuery = (organization: string) =>
  queryOptions({
    queryKey: ['members', organization],
    queryFn: ({ signal }): Promise<Colleague[]> =>
      everyPage((cursor) =>
        answer(
          api.GET('/api/v1/orgs/{organization}/members/', {
            params: { path: { organization }, query: { page_size: 500, cursor } },
            signal,
          }),
        ),
      ),
  })

/** Those that can still be accepted, and those whose time is over: both want something done about them. */
export const invitationsQuery = (organization: string) =>
  queryOptions({
    queryKey: ['invitations', organization],
    queryFn: async ({ signal }): Promise<Invitation[]> => {
      const of = (state: 'pending' | 'expired') =>
        everyPage((cursor) =>
          answer(
            api.GET('/api/v1/orgs/{organization}/invitations/', {
              params: { path: { organization }, query: { state, page_size: 500, cursor } },
              signal,
            }),
          ),
        )
      return (await Promise.all([of('pending'), of('expired')])).flat()
    },
  })

export interface Place {
  role: Role
  /** Null: all of them. */
  sites: string[] | null
}

const one = (organization: string, id: string) => ({ params: { path: { organization, id } } })

export const changeMember = (organization: string, id: string, body: Place): Promise<Colleague> =>
  answer(api.PATCH('/api/v1/orgs/{organization}/members/{id}/', { ...one(organization, id), body }))

export const removeMember = (organization: string, id: string): Promise<unknown> =>
  answer(api.DELETE('/api/v1/orgs/{organization}/members/{id}/', one(organization, id)))

/** Ownership goes to the member; who hands it over becomes an administrator. */
export const handOver = (organization: string, id: string): Promise<Colleague> =>
  answer(
    api.POST('/api/v1/orgs/{organization}/members/{id}/make-owner/', {
      ...one(organization, id),
      body: { step_down: true },
    }),
  )

export const invite = (organization: string, body: Place & { email: string }): Promise<Invitation> =>
  answer(api.POST('/api/v1/orgs/{organization}/invitations/', { params: { path: { organization } }, body }))

export const revokeInvitation = (organization: string, id: string): Promise<unknown> =>
  answer(api.DELETE('/api/v1/orgs/{organization}/invitations/{id}/', one(organization, id)))

export const resendInvitation = (organization: string, id: string): Promise<Invitation> =>
  answer(api.POST('/api/v1/orgs/{organization}/invitations/{id}/resend/', one(organization, id)))

/** Invitations to the person's own addresses that can still be accepted. */
export const ownInvitationsQuery = queryOptions({
  queryKey: ['own-invitations'],
  queryFn: ({ signal }): Promise<Offer[]> =>
    everyPage((cursor) => answer(api.GET('/api/v1/me/invitations/', { params: { query: { cursor } }, signal }))),
})

export const acceptOwnInvitation = (invitation: string): Promise<Membership> =>
  answer(api.POST('/api/v1/me/invitations/{invitation}/accept/', { params: { path: { invitation } } }))
