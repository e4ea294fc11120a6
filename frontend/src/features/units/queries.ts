/** What is kept where, how warm it is and was. */

import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { answer, api, everyPage } from '@/shared/api/client'
import type { Area, Readings, Sensor, Unit } from '@/shared/api/types'
import { FIRST_MOMENT, MAX_POINTS, type Window } from './range'
import { joined, type Series, seriesFrom } from './series'

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

/** Every sensor that ever measured here and still belongs to it: a chart shows what a retired one measured, too. */
export const probesQuery = (organization: string, unit: string) =>
  queryOptions({
    queryKey: ['sensors', organization, unit, 'probes'],
    queryFn: ({ signal }): Promise<Sensor[]> =>
      everyPage((cursor) =>
        answer(
          api.GET('/api/v1/orgs/{organization}/sensors/', {
            params: {
              path: { organization },
              query: { unit, status: ['online', 'offline', 'fault', 'retired'], page_size: PAGE, cursor },
            },
            signal,
          }),
        ),
      ),
    staleTime: 5 * MINUTE,
  })

/** More sensors than these are summed up together where a chart shows hours or days. */
export const MOST_LINES = 6
/** One unit's readings, or one sensor's. */
async function fetchSeries(
  organization: string,
  { unit, sensor }: { unit: string; sensor?: string },
  { from, to, resolution }: Window,
  signal: AbortSignal,
): Promise<Series> {
  const query = {
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    resolution,
    max_points: MAX_POINTS,
  }
  const readings = await answer(
    sensor
      ? api.GET('/api/v1/orgs/{organization}/sensors/{id}/readings/', {
          // (The description takes the ids of sensors for numbers.)
          params: { path: { organization, id: sensor as unknown as number }, query },
          signal,
        })
      : api.GET('/api/v1/orgs/{organization}/units/{id}/readings/', {
          params: { path: { organization, id: unit }, query },
          signal,
        }),
  )
  return seriesFrom(readings as Readings, sensor)
}

/**
 * What a chart shows of a stretch of time. `live` ones reach the present: the live connection adds to them.
 * `sensors`: those of the unit if there are some (2 to 6), so that each has its own line where hours and days are shown.
 */
export const readingsQuery = (organization: string, unit: string, sensors: string[], window: Window, live: boolean) =>
  queryOptions({
    queryKey: [
      'readings',
      organization,
      unit,
      live ? 'live' : 'past',
      window.resolution,
      window.from,
      window.to,
      sensors,
    ] as const,
    queryFn: async ({ signal }): Promise<Series> => {
      if (sensors.length === 0) return fetchSeries(organization, { unit }, window, signal)
      const each = sensors.map((sensor) => fetchSeries(organization, { unit, sensor }, window, signal))
      return joined(await Promise.all(each))
    },
    // What is over doesn't change, but for readings that come late.
    staleTime: live ? 5 * MINUTE : 30 * MINUTE,
    // Each step of a zoom leaves one behind.
    gcTime: 3 * MINUTE,
    placeholderData: keepPreviousData,
  })

/** When the first reading was that may be shown; null: there is none. */
export const earliestQuery = (organization: string, unit: string) =>
  queryOptions({
    queryKey: ['earliest-reading', organization, unit],
    queryFn: async ({ signal }): Promise<number | null> => {
      const query = { from: new Date(FIRST_MOMENT).toISOString(), resolution: 'raw', page_size: 1 } as const
      const readings = await answer(
        api.GET('/api/v1/orgs/{organization}/units/{id}/readings/', {
          params: { path: { organization, id: unit }, query },
          signal,
        }),
      )
      const [first] = (readings as Readings).results
      return first && 'recorded_at' in first ? Date.parse(first.recorded_at) : null
    },
    staleTime: 60 * MINUTE,
  })
