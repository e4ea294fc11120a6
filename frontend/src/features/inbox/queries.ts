/** What happened, for the signed-in person to read: of every organization that is theirs. */

import { type InfiniteData, infiniteQueryOptions, type QueryClient, queryOptions } from '@tanstack/react-query'
import { answer, api, cursorOf, type PageOf } from '@/shared/api/client'
import type { InboxItem } from '@/shared/api/types'

const PAGE = 30
const MINUTE = 60_000

export interface InboxFilters {
  unread?: boolean | undefined
}

/**
 * The inbox is the person's, not the organization's. It is kept with the organization on the screen all the same: that
 * one's connection feeds it, and after a loss everything below its name is asked for again.
 */
export const inboxKey = (organization: string) => ['inbox', organization] as const

/** The badge. Looked at each minute: the connection of one organization doesn't tell what comes in for another. */
export const unreadQuery = (organization: string) =>
  queryOptions({
    queryKey: [...inboxKey(organization), 'unread'],
    queryFn: async ({ signal }): Promise<number> =>
      (await answer(api.GET('/api/v1/me/inbox/count/', { signal }))).unread,
    refetchInterval: MINUTE,
  })

export const inboxListKey = (organization: string) => [...inboxKey(organization), 'list'] as const

export const inboxQuery = (organization: string, { unread }: InboxFilters) =>
  infiniteQueryOptions({
    queryKey: [...inboxListKey(organization), unread ?? false],
    queryFn: ({ signal, pageParam }): Promise<PageOf<InboxItem>> =>
      answer(
        api.GET('/api/v1/me/inbox/', { params: { query: { unread, page_size: PAGE, cursor: pageParam } }, signal }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => cursorOf(page.next),
  })

/** Puts an item where its older self is shown; whether it was shown anywhere. What was read stays where it is. */
export function put(client: QueryClient, organization: string, item: InboxItem): boolean {
  let found = false
  client.setQueriesData<InfiniteData<PageOf<InboxItem>>>({ queryKey: inboxListKey(organization) }, (shown) => {
    if (!shown?.pages.some(({ results }) => results.some(({ id }) => id === item.id))) return shown
    found = true
    const pages = shown.pages.map((page) => ({
      ...page,
      results: page.results.map((each) => (each.id === item.id ? item : each)),
    }))
    return { ...shown, pages }
  })
  return found
}

/** Sets the badge. */
export const putUnread = (client: QueryClient, organization: string, unread: number): void => {
  client.setQueryData(unreadQuery(organization).queryKey, unread)
}

export const markRead = (item: string): Promise<InboxItem> =>
  answer(api.POST('/api/v1/me/inbox/{item}/read/', { params: { path: { item } } }))

/** Everything, of every organization; how many are left, which came meanwhile. */
export const markAllRead = async (): Promise<number> =>
  (await answer(api.POST('/api/v1/me/inbox/read-all/', { body: {} }))).unread
