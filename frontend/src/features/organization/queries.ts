/** Organizations themselves: one, all, those that were deleted; making, changing, deleting and leaving them. */

import { type QueryClient, queryOptions } from '@tanstack/react-query'
import { answer, api, everyPage } from '@/shared/api/client'
import type { Organization } from '@/shared/api/types'

const at = (organization: string) => ({ params: { path: { organization } } })

/** The server answers under former names too: then `slug` isn't the one that was asked for. */
export const organizationQuery = (organization: string) =>
  queryOptions({
    queryKey: ['organization', organization],
    queryFn: ({ signal }): Promise<Organization> =>
      answer(api.GET('/api/v1/orgs/{organization}/', { ...at(organization), signal })),
  })

/** Deleted organizations of the person that can still be brought back. */
export const deletedOrganizationsQuery = queryOptions({
  queryKey: ['organizations', 'deleted'],
  queryFn: ({ signal }): Promise<Organization[]> =>
    everyPage((cursor) =>
      answer(api.GET('/api/v1/orgs/', { params: { query: { deleted: true, page_size: 100, cursor } }, signal })),
    ),
})

export interface NewOrganization {
  name: string
  timezone: string
  slug?: string
}

export const createOrganization = (body: NewOrganization): Promise<Organization> =>
  answer(api.POST('/api/v1/orgs/', { body }))

export interface OrganizationFacts {
  name: string
  slug: string
  timezone: string
  email: string
  /** How long an acknowledgement holds; 0: for ever. */
  acknowledgement_minutes: number
}

export const changeOrganization = (organization: string, body: Partial<OrganizationFacts>): Promise<Organization> =>
  answer(api.PATCH('/api/v1/orgs/{organization}/', { ...at(organization), body }))

export const deleteOrganization = (organization: string): Promise<unknown> =>
  answer(api.DELETE('/api/v1/orgs/{organization}/', at(organization)))

export const restoreOrganization = (organization: string): Promise<Organization> =>
  answer(api.POST('/api/v1/orgs/{organization}/restore/', at(organization)))

export const leaveOrganization = (organization: string): Promise<unknown> =>
  answer(api.POST('/api/v1/orgs/{organization}/members/leave/', at(organization)))

/** Which organizations there are, and what one may do there, is part of who one is: `GET /me/`. */
export async function refetchMe(client: QueryClient): Promise<void> {
  await client.refetchQueries({ queryKey: ['me'], exact: true })
}
