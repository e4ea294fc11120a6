/** How long a unit was within its limits, as the alert rules count time. */

import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { answer, api, Problem } from '@/shared/api/client'
import type { Stretch } from './range'

export interface Statistics {
  measured_s: number
  in_range_s: number
  above_s: number
  below_s: number
  min: number | null
  avg: number | null
  max: number | null
  count: number
}

interface Bounds {
  low?: number
  high?: number
}

/** null: this server doesn't count it. */
export const statisticsQuery = (organization: string, unit: string, { from, to }: Stretch, bounds: Bounds) =>
  queryOptions({
    queryKey: ['statistics', organization, unit, from, to, bounds],
    queryFn: async ({ signal }): Promise<Statistics | null> => {
      const query = { from: new Date(from).toISOString(), to: new Date(to).toISOString(), ...bounds }
      try {
        return (await answer(
          (api.GET as unknown as Untyped)('/api/v1/orgs/{organization}/units/{id}/readings/statistics/', {
            params: { path: { organization, id: unit }, query },
            signal,
          }),
        )) as Statistics
      } catch (error) {
        if (error instanceof Problem && error.status === 404) return null
        throw error
      }
    },
    staleTime: 60_000,
    gcTime: 3 * 60_000,
    placeholderData: keepPreviousData,
  })

type Untyped = (path: string, init: object) => Promise<{ data?: unknown; error?: unknown; response: Response }>

/** The stretch on a grid, so that a chart that moves with the time doesn't ask each second. */
export function onGrid({ from, to }: Stretch): Stretch {
  const step = Math.max(60_000, 60_000 * Math.round((to - from) / 1440 / 60_000))
  const up = (at: number) => Math.ceil(at / step) * step
  return { from: up(from), to: up(to) }
}
