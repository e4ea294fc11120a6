/** Escalation policies, who is told next of an alert, and what a draft would do. */

import { queryOptions } from '@tanstack/react-query'
import { answer, api, everyPage } from '@/shared/api/client'
import type { components } from '@/shared/api/schema'

type Schemas = components['schemas']

/** One of the three. */
export type Target = Partial<Schemas['Target']>
export type Step = Omit<Schemas['Step'], 'targets'> & { targets: Target[] }
/** At most one of the three; none is the whole organization. */
export type Scope = Partial<Schemas['PolicyScope']>
export type Policy = Omit<Schemas['EscalationPolicy'], 'scope' | 'steps'> & { scope: Scope; steps: Step[] }
export type PolicyBody = Schemas['EscalationPolicyRequest']
export type Hours = Schemas['HoursEnum']
export type Schedule = Schemas['OnCallSchedule']
export type Rehearsal = Schemas['Rehearsal']
export type RehearsedStep = Schemas['RehearsedStep']
export type RehearsedPerson = Schemas['RehearsedPerson']
export type Channel = Schemas['ContactKindEnum']
export type DryRun = Schemas['DryRunRequest']

const at = (organization: string) => ({ params: { path: { organization } } })
const one = (organization: string, id: string) => ({ params: { path: { organization, id } } })

export const policiesQuery = (organization: string) =>
  queryOptions({
    queryKey: ['escalation', organization, 'policies'],
    queryFn: ({ signal }): Promise<Policy[]> =>
      everyPage((cursor) =>
        answer(
          api.GET('/api/v1/orgs/{organization}/escalation-policies/', {
            params: { path: { organization }, query: { page_size: 200, cursor } },
            signal,
          }),
        ),
      ),
  })

export const policyQuery = (organization: string, id: string) =>
  queryOptions({
    queryKey: ['escalation', organization, 'policies', id],
    queryFn: ({ signal }): Promise<Policy> =>
      answer(api.GET('/api/v1/orgs/{organization}/escalation-policies/{id}/', { ...one(organization, id), signal })),
  })

/** What steps can name besides people and roles. */
export const schedulesQuery = (organization: string) =>
  queryOptions({
    queryKey: ['escalation', organization, 'schedules'],
    queryFn: ({ signal }): Promise<Schedule[]> =>
      everyPage((cursor) =>
        answer(
          api.GET('/api/v1/orgs/{organization}/on-call-schedules/', {
            params: { path: { organization }, query: { page_size: 200, cursor } },
            signal,
          }),
        ),
      ),
    staleTime: 5 * 60_000,
  })

export const createPolicy = (organization: string, body: PolicyBody): Promise<Policy> =>
  answer(api.POST('/api/v1/orgs/{organization}/escalation-policies/', { ...at(organization), body }))

export const changePolicy = (organization: string, id: string, body: Partial<PolicyBody>): Promise<Policy> =>
  answer(
    api.PATCH('/api/v1/orgs/{organization}/escalation-policies/{id}/', {
      ...one(organization, id),
      // (The generated type wants whatever has a default; a PATCH leaves what isn't named as it is.)
      body: body as Schemas['PatchedEscalationPolicyRequest'],
    }),
  )

/** Alerts that opened with it still follow it. */
export const deletePolicy = (organization: string, id: string): Promise<unknown> =>
  answer(api.DELETE('/api/v1/orgs/{organization}/escalation-policies/{id}/', one(organization, id)))

/** How soon it is asked again once a step is due: it is taken by the server's clock, and takes a moment. */
const SOON = 5_000
const SELDOM = 60_000

/** When to ask again by oneself: as the next step falls due, and once a minute since duties change hands unsaid. */
export function askAgainIn(next: string | null | undefined, now: number): number {
  if (!next) return SELDOM
  const left = Date.parse(next) - now
  return left > 0 ? Math.min(left + 500, SELDOM) : SOON
}

/** Whom an alert tells next if nobody answers. Kept with the alerts: whatever is fetched again of them, this is. */
export const nextQuery = (organization: string, alert: string) =>
  queryOptions({
    queryKey: ['alerts', organization, 'escalation', alert],
    queryFn: ({ signal }): Promise<Rehearsal> =>
      answer(api.GET('/api/v1/orgs/{organization}/alerts/{id}/escalation/', { ...one(organization, alert), signal })),
    refetchInterval: ({ state }) => askAgainIn(state.data?.next_at, Date.now()),
    staleTime: 0,
  })

/** What a draft would do if an alert opened. Nobody is told. */
export const dryRunQuery = (organization: string, body: DryRun) =>
  queryOptions({
    queryKey: ['escalation', organization, 'dry-run', body],
    queryFn: ({ signal }): Promise<Rehearsal> =>
      answer(
        api.POST('/api/v1/orgs/{organization}/escalation-policies/dry-run/', { ...at(organization), body, signal }),
      ),
    gcTime: 60_000,
  })
