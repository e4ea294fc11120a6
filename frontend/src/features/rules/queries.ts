/** Trying rules, changing them, changing them for one unit for a while, and asking why. */

import { queryOptions } from '@tanstack/react-query'
import { answer, api } from '@/shared/api/client'
import type { components } from '@/shared/api/schema'
import type { AlertRule, AlertRuleBody, RuleOverride, RulePreview, RuleReason, Unit } from '@/shared/api/types'

export const ruleQuery = (organization: string, id: string) =>
  queryOptions({
    queryKey: ['alert-rules', organization, id],
    queryFn: ({ signal }): Promise<AlertRule> =>
      answer(
        api.GET('/api/v1/orgs/{organization}/alert-rules/{id}/', { params: { path: { organization, id } }, signal }),
      ),
  })

const at = (organization: string) => ({ params: { path: { organization } } })
const one = (organization: string, id: string) => ({ params: { path: { organization, id } } })

export const createRule = (organization: string, body: AlertRuleBody): Promise<AlertRule> =>
  answer(api.POST('/api/v1/orgs/{organization}/alert-rules/', { ...at(organization), body }))

export const changeRule = (organization: string, id: string, body: Partial<AlertRuleBody>): Promise<AlertRule> =>
  answer(api.PATCH('/api/v1/orgs/{organization}/alert-rules/{id}/', { ...one(organization, id), body }))

export const deleteRule = (organization: string, id: string): Promise<unknown> =>
  answer(api.DELETE('/api/v1/orgs/{organization}/alert-rules/{id}/', one(organization, id)))

const DAY = 86_400_000
const GRID = 5 * 60_000

/** From when to when a preview looks back: on a grid, so that the same question isn't asked twice. */
export function lookBack(days: number, now: number): { from: number; to: number } {
  const to = Math.ceil(now / GRID) * GRID
  return { from: to - days * DAY, to }
}

/** What a rule would have opened in the last days, beside what did open. Nothing is stored. */
export const previewQuery = (organization: string, rule: AlertRuleBody, days: number) =>
  queryOptions({
    queryKey: ['rule-preview', organization, days, rule],
    queryFn: async ({ signal }): Promise<Omit<RulePreview, 'from' | 'to'> & { from: number; to: number }> => {
      const range = lookBack(days, Date.now())
      const found = await answer(
        api.POST('/api/v1/orgs/{organization}/alert-rules/preview/', {
          ...at(organization),
          body: { rule, from: new Date(range.from).toISOString(), to: new Date(range.to).toISOString() },
          signal,
        }),
      )
      return { ...(found as RulePreview), ...range }
    },
    staleTime: 5 * 60_000,
    gcTime: 5 * 60_000,
  })

/** Why each rule that could concern a unit did, or didn't, open an alert by a moment. */
export const reasonsQuery = (organization: string, unit: string, moment: string, rule?: string) =>
  queryOptions({
    queryKey: ['unit-rules', organization, unit, 'why', moment, rule],
    queryFn: async ({ signal }): Promise<RuleReason[]> => {
      const found = await answer(
        api.GET('/api/v1/orgs/{organization}/units/{id}/why/', {
          params: { path: { organization, id: unit }, query: { at: moment, rule } },
          signal,
        }),
      )
      return found.results
    },
    staleTime: 60_000,
  })

export interface OverrideBody {
  rule: string
  unit: string
  threshold?: number | null
  delay_s?: number | null
  reason: string
  expires_at: string
}

export const createOverride = (organization: string, body: OverrideBody): Promise<RuleOverride> =>
  answer(api.POST('/api/v1/orgs/{organization}/rule-overrides/', { ...at(organization), body }))

/** What of a unit rules go by. */
export const changeUnit = (organization: string, id: string, change: { product_tau_s: number | null }): Promise<Unit> =>
  answer(
    api.PATCH('/api/v1/orgs/{organization}/units/{id}/', {
      ...one(organization, id),
      // (The generated type wants whatever has a default; a PATCH leaves what isn't named as it is.)
      body: change as components['schemas']['PatchedUnitRequest'],
    }),
  )

export const endOverride = (organization: string, id: string): Promise<unknown> =>
  answer(api.DELETE('/api/v1/orgs/{organization}/rule-overrides/{id}/', one(organization, id)))
