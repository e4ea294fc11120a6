/** Which rules there are, and which of them watch a unit: its chart, its page, its alerts and the rules' own pages ask. */

import { queryOptions } from '@tanstack/react-query'
import { answer, api, everyPage } from './api/client'
import type { AlertRule, UnitRules } from './api/types'

const MINUTE = 60_000

export const rulesQuery = (organization: string) =>
  queryOptions({
    queryKey: ['alert-rules', organization],
    queryFn: ({ signal }): Promise<AlertRule[]> =>
      everyPage((cursor) =>
        answer(
          api.GET('/api/v1/orgs/{organization}/alert-rules/', {
            params: { path: { organization }, query: { page_size: 500, cursor } },
            signal,
          }),
        ),
      ),
    staleTime: 5 * MINUTE,
  })

/** What bounds a unit: the law, the rules in force, those that aren't and why, and what was changed for it alone. */
export const unitRulesQuery = (organization: string, unit: string) =>
  queryOptions({
    queryKey: ['unit-rules', organization, unit],
    queryFn: ({ signal }): Promise<UnitRules> =>
      answer(
        api.GET('/api/v1/orgs/{organization}/units/{id}/rules/', {
          params: { path: { organization, id: unit } },
          signal,
        }),
      ),
    staleTime: 5 * MINUTE,
  })
