/** Messages to addresses: what was promised, what became of it, and once more what failed. */

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { answer, api, cursorOf, everyPage, type PageOf } from '@/shared/api/client'
import type { Channel, ChannelHealth, Delivery, DeliveryAttempt, DeliveryStatus, Resent } from '@/shared/api/types'

const PAGE = 50
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** What is older isn't sent again by the dozen, says the server. */
export const RESENT_FOR_DAYS = 30
/** As many as the server sends again at once. */
export const MOST_AT_ONCE = 200

export interface DeliveryFilters {
  status?: DeliveryStatus | undefined
  channel?: Channel | undefined
}

export const deliveriesKey = (organization: string) => ['deliveries', organization] as const

const listed = (
  organization: string,
  { status, channel }: DeliveryFilters,
  page_size: number,
  cursor: string | undefined,
  signal: AbortSignal,
): Promise<PageOf<Delivery>> =>
  answer(
    api.GET('/api/v1/orgs/{organization}/notifications/', {
      params: {
        path: { organization },
        query: { status: status && [status], channel: channel && [channel], page_size, cursor },
      },
      signal,
    }),
  )

/** Newest first. Looked at again each minute: a message moves on by itself. */
export const deliveriesQuery = (organization: string, filters: DeliveryFilters) =>
  infiniteQueryOptions({
    queryKey: [...deliveriesKey(organization), 'list', filters],
    queryFn: ({ signal, pageParam }) => listed(organization, filters, PAGE, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => cursorOf(page.next),
    refetchInterval: MINUTE,
  })

/** Whether a message was given up lately, so that sending again can help. */
export const anyDeadQuery = (organization: string) =>
  queryOptions({
    queryKey: [...deliveriesKey(organization), 'any-dead'],
    queryFn: async ({ signal }): Promise<boolean> => {
      const [newest] = (await listed(organization, { status: 'dead' }, 1, undefined, signal)).results
      return newest !== undefined && Date.now() - Date.parse(newest.created_at) < RESENT_FOR_DAYS * DAY
    },
    refetchInterval: MINUTE,
  })

/** Each try to hand a message over, the newest first. */
export const attemptsQuery = (organization: string, id: string) =>
  queryOptions({
    queryKey: [...deliveriesKey(organization), 'attempts', id],
    queryFn: ({ signal }): Promise<DeliveryAttempt[]> =>
      everyPage((cursor) =>
        answer(
          api.GET('/api/v1/orgs/{organization}/notifications/{id}/attempts/', {
            params: { path: { organization, id }, query: { page_size: 100, cursor } },
            signal,
          }),
        ),
      ),
  })

/** How each channel and provider has been, by the organization's own messages. */
export const healthQuery = (organization: string) =>
  queryOptions({
    queryKey: [...deliveriesKey(organization), 'health'],
    queryFn: async ({ signal }): Promise<ChannelHealth[]> => {
      const found = await answer(
        api.GET('/api/v1/orgs/{organization}/notifications/health/', { params: { path: { organization } }, signal }),
      )
      return found.results
    },
    refetchInterval: MINUTE,
  })

/** A part of a summary is told by its summary: that one is sent again. */
export async function resend(organization: string, { id, summary }: Delivery): Promise<void> {
  await answer(
    api.POST('/api/v1/orgs/{organization}/notifications/{id}/resend/', {
      params: { path: { organization, id: summary ?? id } },
    }),
  )
}

/** Of the last 30 days, the newest first. */
export const resendDead = (organization: string): Promise<Resent> =>
  answer(
    api.POST('/api/v1/orgs/{organization}/notifications/resend/', {
      params: { path: { organization } },
      body: { status: 'dead' },
    }),
  )
