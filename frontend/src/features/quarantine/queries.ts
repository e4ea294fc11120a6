/** Refused readings: what is asked about them, and what can be done. */

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { answer, api, cursorOf, type PageOf } from '@/shared/api/client'
import type { RefusedReading, Sensor } from '@/shared/api/types'
import type { CodeName, StateName } from './codes'
import type { Values } from './values'

const PAGE = 50
const MINUTE = 60_000

export interface QuarantineFilters {
  code?: CodeName | undefined
  serial?: string | undefined
  /** Left out: what waits for a decision. */
  state?: StateName | undefined
}

export const quarantineKey = (organization: string) => ['quarantine', organization] as const

const questionOf = ({ code, serial, state = 'kept' }: QuarantineFilters) => ({
  code: code && [code],
  serial,
  state: [state],
})

/** How many wait, by code. Looked at again each minute: nothing else tells that a gateway began to send nonsense. */
export const summaryQuery = (organization: string) =>
  queryOptions({
    queryKey: [...quarantineKey(organization), 'summary'],
    queryFn: ({ signal }) =>
      answer(
        api.GET('/api/v1/orgs/{organization}/quarantined-readings/summary/', {
          params: { path: { organization } },
          signal,
        }),
      ),
    refetchInterval: MINUTE,
  })

export const refusedQuery = (organization: string, filters: QuarantineFilters) =>
  infiniteQueryOptions({
    queryKey: [...quarantineKey(organization), 'list', filters],
    queryFn: async ({ signal, pageParam }): Promise<PageOf<RefusedReading>> => {
      const page = await answer(
        api.GET('/api/v1/orgs/{organization}/quarantined-readings/', {
          params: { path: { organization }, query: { ...questionOf(filters), page_size: PAGE, cursor: pageParam } },
          signal,
        }),
      )
      // The same address also offers a file, for who asks for one.
      if (typeof page === 'string') throw new TypeError('The refused readings came as a file.')
      return page
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => cursorOf(page.next),
  })

/** Everything that matches, as a file. */
export function csvAddress(organization: string, filters: QuarantineFilters): string {
  const query = new URLSearchParams({ format: 'csv' })
  for (const [name, value] of Object.entries(questionOf(filters)))
    for (const each of [value].flat()) if (each) query.append(name, each)
  return `/api/v1/orgs/${encodeURIComponent(organization)}/quarantined-readings/?${query}`
}

/** The sensor that a refused reading claims to be of. */
export const sensorQuery = (organization: string, id: string) =>
  queryOptions({
    queryKey: ['sensor', organization, id],
    queryFn: ({ signal }): Promise<Sensor> =>
      answer(
        api.GET('/api/v1/orgs/{organization}/sensors/{id}/', {
          // The schema takes a sensor's id for a number; it is a UUID like all others.
          params: { path: { organization, id: id as unknown as number } },
          signal,
        }),
      ),
    staleTime: 5 * MINUTE,
  })

/** What is stored of a sensor at one moment: the other side of a contradiction. */
export const storedQuery = (organization: string, id: string, at: string) =>
  queryOptions({
    queryKey: [...quarantineKey(organization), 'stored', id, at],
    queryFn: async ({ signal }): Promise<Values | null> => {
      const to = new Date(Date.parse(at) + 1).toISOString()
      const series = await answer(
        api.GET('/api/v1/orgs/{organization}/sensors/{id}/readings/', {
          params: { path: { organization, id: id as unknown as number }, query: { from: at, to, resolution: 'raw' } },
          headers: { Accept: 'application/json' },
          signal,
        }),
      )
      return ((series as { results: Values[] }).results[0] as Values | undefined) ?? null
    },
  })

/** Without `reading` as it came, else corrected. */
export const resubmit = (
  organization: string,
  id: string,
  reading?: Record<string, unknown>,
): Promise<RefusedReading> =>
  answer(
    api.POST('/api/v1/orgs/{organization}/quarantined-readings/{id}/resubmit/', {
      params: { path: { organization, id } },
      body: reading ? { reading } : {},
    }),
  )

export const discard = (organization: string, id: string, note: string): Promise<RefusedReading> =>
  answer(
    api.POST('/api/v1/orgs/{organization}/quarantined-readings/{id}/discard/', {
      params: { path: { organization, id } },
      body: { note },
    }),
  )

export interface Decided {
  id: string
  state: string
  refusal: { code: string; detail: string } | null
}

/** As many as the server takes at once. */
export const MOST_AT_ONCE = 500

export async function resubmitMany(organization: string, ids: string[]): Promise<Decided[]> {
  const path = { organization }
  const done = await answer(
    api.POST('/api/v1/orgs/{organization}/quarantined-readings/resubmit/', { params: { path }, body: { ids } }),
  )
  return done.results
}

export async function discardMany(organization: string, ids: string[]): Promise<Decided[]> {
  const path = { organization }
  const done = await answer(
    api.POST('/api/v1/orgs/{organization}/quarantined-readings/discard/', { params: { path }, body: { ids } }),
  )
  return done.results
}
