/** How long a unit was within its limits, as the alert rules count time. */

import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { answer, api } from '@/shared/api/client'
import type { Statistics } from '@/shared/api/types'
import { DAY } from '@/shared/zone'
import type { Stretch } from './range'

interface Bounds {
  low?: number
  high?: number
}

/** The server counts no longer stretches. */
const LONGEST = 400 * DAY

export const statisticsQuery = (organization: string, unit: string, { from, to }: Stretch, bounds: Bounds) =>
  queryOptions({
    queryKey: ['statistics', organization, unit, from, to, bounds],
    queryFn: ({ signal }): Promise<Statistics> =>
      answer(
        api.GET('/api/v1/orgs/{organization}/units/{id}/readings/statistics/', {
          params: {
            path: { organization, id: unit },
            query: { from: new Date(from).toISOString(), to: new Date(to).toISOString(), ...bounds },
          },
          signal,
        }),
      ),
    enabled: to - from <= LONGEST,
    staleTime: 60_000,
    gcTime: 3 * 60_000,
    placeholderData: keepPreviousData,
  })

/** The stretch on a grid, so that a chart that moves with the time doesn't ask each second. */
export function onGrid({ from, to }: Stretch): Stretch {
  const step = Math.max(60_000, 60_000 * Math.round((to - from) / 1440 / 60_000))
  const up = (at: number) => Math.ceil(at / step) * step
  return { from: up(from), to: up(to) }
}
