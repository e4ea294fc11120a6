/** Alerts, their timeline, and taking charge of them. */

import { infiniteQueryOptions, type QueryClient, queryOptions } from '@tanstack/react-query'
import { answer, api, cursorOf, everyPage } from '@/shared/api/client'
import type { Alert, AlertEvent, AlertStatus, Severity } from '@/shared/api/types'

export interface AlertFilters {
  site?: string
  severity?: Severity
  status?: AlertStatus
}

/** From this many on "99+" is shown: nobody counts on. */
export const OPEN_PAGE = 100
const PAGE = 25

/** The newest open alerts: the badge, the title and the toasts. */
export const openAlertsQuery = (organization: string) =>
  queryOptions({
    queryKey: ['alerts', organization, 'open'],
    queryFn: async ({ signal }): Promise<Alert[]> => {
      const page = await answer(
        api.GET('/api/v1/orgs/{organization}/alerts/', {
          params: { path: { organization }, query: { status: ['open'], page_size: OPEN_PAGE } },
          signal,
        }),
      )
      return page.results
    },
    refetchInterval: 60_000,
  })

export const alertsQuery = (organization: string, status: AlertStatus, filters: Omit<AlertFilters, 'status'>) =>
  infiniteQueryOptions({
    queryKey: ['alerts', organization, 'list', status, filters],
    queryFn: ({ signal, pageParam }) =>
      answer(
        api.GET('/api/v1/orgs/{organization}/alerts/', {
          params: {
            path: { organization },
            query: {
              site: filters.site,
              severity: filters.severity && [filters.severity],
              status: [status],
              page_size: PAGE,
              cursor: pageParam,
            },
          },
          signal,
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => cursorOf(page.next),
  })

/** The newest alerts of one unit, whatever became of them. */
export const unitAlertsQuery = (organization: string, unit: string) =>
  queryOptions({
    queryKey: ['alerts', organization, 'unit', unit],
    queryFn: async ({ signal }): Promise<Alert[]> => {
      const page = await answer(
        api.GET('/api/v1/orgs/{organization}/alerts/', {
          params: { path: { organization }, query: { unit, page_size: PAGE } },
          signal,
        }),
      )
      return page.results
    },
  })

/** A unit with more alerts than these has other worries than how its chart looks. */
const MOST_PAGES = 10

/** Every alert of one unit that was opened after a moment, for its chart. */
export const unitAlertsSinceQuery = (organization: string, unit: string, since: string) =>
  queryOptions({
    queryKey: ['alerts', organization, 'unit', unit, 'since', since],
    queryFn: async ({ signal }): Promise<Alert[]> => {
      let pages = 0
      return everyPage(async (cursor) => {
        const page = await answer(
          api.GET('/api/v1/orgs/{organization}/alerts/', {
            params: { path: { organization }, query: { unit, opened_after: since, page_size: 200, cursor } },
            signal,
          }),
        )
        pages += 1
        return pages < MOST_PAGES ? page : { ...page, next: null }
      })
    },
    staleTime: 60_000,
  })

export const alertQuery = (organization: string, id: string) =>
  queryOptions({
    queryKey: ['alerts', organization, 'one', id],
    queryFn: ({ signal }): Promise<Alert> =>
      answer(api.GET('/api/v1/orgs/{organization}/alerts/{id}/', { params: { path: { organization, id } }, signal })),
  })

export const alertEventsQuery = (organization: string, id: string) =>
  queryOptions({
    queryKey: ['alerts', organization, 'events', id],
    queryFn: ({ signal }): Promise<AlertEvent[]> =>
      everyPage((cursor) =>
        answer(
          api.GET('/api/v1/orgs/{organization}/alerts/{id}/events/', {
            params: { path: { organization, id }, query: { cursor, page_size: 100 } },
            signal,
          }),
        ),
      ),
  })

export function acknowledge(organization: string, id: string, note: string): Promise<Alert> {
  return answer(
    api.POST('/api/v1/orgs/{organization}/alerts/{id}/acknowledge/', {
      params: { path: { organization, id } },
      body: { note },
    }),
  )
}

export function resolve(
  organization: string,
  id: string,
  words: { corrective_action: string; cause: string; disposition: string; amount: string },
): Promise<Alert> {
  return answer(
    api.POST('/api/v1/orgs/{organization}/alerts/{id}/resolve/', {
      params: { path: { organization, id } },
      body: words,
    }),
  )
}

const one = (organization: string, id: string) => ({ params: { path: { organization, id } } })

/** Quiet until a moment, at most a week ahead; then it is told again if it lasts. */
export const snooze = (organization: string, id: string, body: { until: string; note: string }): Promise<Alert> =>
  answer(api.POST('/api/v1/orgs/{organization}/alerts/{id}/snooze/', { ...one(organization, id), body }))

/** Whose it is; null: nobody's. */
export const assign = (organization: string, id: string, user: string | null): Promise<Alert> =>
  answer(
    api.POST('/api/v1/orgs/{organization}/alerts/{id}/assign/', { ...one(organization, id), body: { user, note: '' } }),
  )

export const reopen = (organization: string, id: string, note: string): Promise<Alert> =>
  answer(api.POST('/api/v1/orgs/{organization}/alerts/{id}/reopen/', { ...one(organization, id), body: { note } }))

/** A comment stays as it was written. */
export const comment = (organization: string, id: string, note: string): Promise<unknown> =>
  answer(api.POST('/api/v1/orgs/{organization}/alerts/{id}/comment/', { ...one(organization, id), body: { note } }))

/** Puts an alert's new state where it is on the screen, before any list is fetched again. */
export function take(client: QueryClient, organization: string, alert: Alert): void {
  client.setQueryData(alertQuery(organization, alert.id).queryKey, alert)
  client.setQueryData(openAlertsQuery(organization).queryKey, (open) => {
    if (!open) return open
    const others = open.filter((each) => each.id !== alert.id)
    return alert.status === 'open' ? [alert, ...others].sort(newestFirst) : others
  })
}

const newestFirst = (a: Alert, b: Alert): number => Date.parse(b.opened_at) - Date.parse(a.opened_at)
