/** What is kept where, how warm it is and was. */

import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { answer, api, everyPage } from '@/shared/api/client'
import type { AlertRule, Area, Sensor, Unit } from '@/shared/api/types'
import { type Series, seriesFrom } from './series'

const PAGE = 500
const MINUTE = 60_000

export const unitsQuery = (organization: string) =>
  queryOptions({
    queryKey: ['units', organization],
    queryFn: ({ signal }): Promise<Unit[]> =>
      everyPage((cursor) =>
        answer(
          api.GET('/api/v1/orgs/{organization}/units/', {
            params: { path: { organization }, query: { page_size: PAGE, cursor } },
            signal,
          }),
        ),
      ),
    // The socket keeps it fresh; this is the net under it.
    refetchInterval: MINUTE,
  })

export const areasQuery = (organization: string) =>
  queryOptions({
    queryKey: ['areas', organization],
    queryFn: ({ signal }): Promise<Area[]> =>
      everyPage((cursor) =>
        answer(
          api.GET('/api/v1/orgs/{organization}/areas/', {
            params: { path: { organization }, query: { page_size: PAGE, cursor } },
            signal,
          }),
        ),
      ),
    staleTime: 5 * MINUTE,
  })

export const sensorsQuery = (organization: string, unit: string) =>
  queryOptions({
    queryKey: ['sensors', organization, unit],
    queryFn: ({ signal }): Promise<Sensor[]> =>
      everyPage((cursor) =>
        answer(
          api.GET('/api/v1/orgs/{organization}/sensors/', {
            params: { path: { organization }, query: { unit, page_size: PAGE, cursor } },
            signal,
          }),
        ),
      ),
  })

export const rulesQuery = (organization: string) =>
  queryOptions({
    queryKey: ['alert-rules', organization],
    queryFn: ({ signal }): Promise<AlertRule[]> =>
      everyPage((cursor) =>
        answer(
          api.GET('/api/v1/orgs/{organization}/alert-rules/', {
            params: { path: { organization }, query: { page_size: PAGE, cursor } },
            signal,
          }),
        ),
      ),
    staleTime: 5 * MINUTE,
  })

export type Range = '6h' | '24h' | '7d'
export const RANGES: Record<Range, { words: string; ms: number; resolution: 'raw' | 'hour' }> = {
  '6h': { words: '6 hours', ms: 6 * 60 * MINUTE, resolution: 'raw' },
  '24h': { words: '24 hours', ms: 24 * 60 * MINUTE, resolution: 'raw' },
  '7d': { words: '7 days', ms: 7 * 24 * 60 * MINUTE, resolution: 'hour' },
}

/** More than a screen has pixels; when the server has to thin, it keeps every extreme. */
const MAX_POINTS = 2000

interface Wanted {
  from: number
  to: number
  resolution: 'raw' | 'hour' | 'auto'
}

async function fetchReadings(
  organization: string,
  unit: string,
  { from, to, resolution }: Wanted,
  signal: AbortSignal,
) {
  const readings = await answer(
    api.GET('/api/v1/orgs/{organization}/units/{id}/readings/', {
      params: {
        path: { organization, id: unit },
        query: {
          from: new Date(from).toISOString(),
          to: new Date(to).toISOString(),
          resolution,
          max_points: MAX_POINTS,
        },
      },
      signal,
    }),
  )
  return seriesFrom(readings)
}

/** The last hours or days of a unit, to which the live connection adds. */
export const liveReadingsQuery = (organization: string, unit: string, range: Range) =>
  queryOptions({
    queryKey: ['readings', organization, unit, 'live', range],
    queryFn: ({ signal }): Promise<Series> => {
      const { ms, resolution } = RANGES[range]
      const now = Date.now()
      // Device clocks may run ahead by minutes; what they say counts.
      return fetchReadings(organization, unit, { from: now - ms, to: now + 10 * MINUTE, resolution }, signal)
    },
    staleTime: 5 * MINUTE,
    placeholderData: keepPreviousData,
  })

/** A stretch of the past. */
export const pastReadingsQuery = (organization: string, unit: string, from: number, to: number) =>
  queryOptions({
    queryKey: ['readings', organization, unit, 'past', from, to],
    queryFn: ({ signal }): Promise<Series> =>
      fetchReadings(organization, unit, { from, to, resolution: 'auto' }, signal),
    staleTime: 5 * MINUTE,
  })
