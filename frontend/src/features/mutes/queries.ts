/** Times in which nobody is told: those in force and to come, those that are over, making one and ending one. */

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { answer, api, cursorOf, everyPage } from '@/shared/api/client'
import type { Mute } from '@/shared/api/types'

const PAGE = 25

/** Those that keep quiet now. */
export const activeMutesQuery = (organization: string) =>
  queryOptions({
    queryKey: ['mutes', organization, 'active'],
    queryFn: ({ signal }): Promise<Mute[]> =>
      everyPage((cursor) =>
        answer(
          api.GET('/api/v1/orgs/{organization}/mutes/', {
            params: { path: { organization }, query: { active: true, page_size: 200, cursor } },
            signal,
          }),
        ),
      ),
    // The socket tells of changes, but not of a window that begins.
    refetchInterval: 60_000,
  })

/** Those that don't keep quiet now: to come or over, the one that ends last first. */
export const otherMutesQuery = (organization: string) =>
  infiniteQueryOptions({
    queryKey: ['mutes', organization, 'others'],
    queryFn: ({ signal, pageParam }) =>
      answer(
        api.GET('/api/v1/orgs/{organization}/mutes/', {
          params: { path: { organization }, query: { active: false, page_size: PAGE, cursor: pageParam } },
          signal,
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => cursorOf(page.next),
  })

export const muteQuery = (organization: string, id: string) =>
  queryOptions({
    queryKey: ['mutes', organization, 'one', id],
    queryFn: ({ signal }): Promise<Mute> =>
      answer(api.GET('/api/v1/orgs/{organization}/mutes/{id}/', { params: { path: { organization, id } }, signal })),
  })

export interface MuteBody {
  kind: Mute['kind']
  site?: string
  unit?: string
  rule?: string
  reason: string
  /** Left out: now. */
  starts_at?: string
  ends_at: string
}

export const createMute = (organization: string, body: MuteBody): Promise<Mute> =>
  answer(api.POST('/api/v1/orgs/{organization}/mutes/', { params: { path: { organization } }, body }))

/** Ends it now; what it kept quiet and still lasts is told. */
export const endMute = (organization: string, id: string): Promise<unknown> =>
  answer(api.DELETE('/api/v1/orgs/{organization}/mutes/{id}/', { params: { path: { organization, id } } }))
