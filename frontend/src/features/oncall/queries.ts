/** Who is on duty, now and in the weeks to come, and shifts that somebody asks another to take. */

import { queryOptions } from '@tanstack/react-query'
import { answer, api, everyPage } from '@/shared/api/client'
import type { components } from '@/shared/api/schema'

type Schemas = components['schemas']

export type OnDuty = Schemas['OnDuty']
export type Shift = Schemas['ShownShift']
export type Rota = Schemas['Rota']
export type Schedule = Schemas['OnCallSchedule']
export type Swap = Schemas['ShiftSwap']

const at = (organization: string) => ({ params: { path: { organization } } })
const one = (organization: string, id: string) => ({ params: { path: { organization, id } } })
export const onCallKey = (organization: string) => ['on-call', organization] as const

const MINUTE = 60_000

export const onDutyQuery = (organization: string) =>
  queryOptions({
    queryKey: [...onCallKey(organization), 'on-duty'],
    queryFn: async ({ signal }): Promise<OnDuty[]> =>
      (await answer(api.GET('/api/v1/orgs/{organization}/on-call-schedules/on-duty/', { ...at(organization), signal })))
        .results,
    refetchInterval: MINUTE,
  })

export const scheduleQuery = (organization: string, id: string) =>
  queryOptions({
    queryKey: [...onCallKey(organization), 'schedules', id],
    queryFn: ({ signal }): Promise<Schedule> =>
      answer(api.GET('/api/v1/orgs/{organization}/on-call-schedules/{id}/', { ...one(organization, id), signal })),
  })

/** The next two weeks. */
export const rotaQuery = (organization: string, id: string) =>
  queryOptions({
    queryKey: [...onCallKey(organization), 'rota', id],
    queryFn: ({ signal }): Promise<Rota> =>
      answer(
        api.GET('/api/v1/orgs/{organization}/on-call-schedules/{id}/final/', { ...one(organization, id), signal }),
      ),
    refetchInterval: 5 * MINUTE,
  })

/** Offers that the person makes or is made, and that nobody has decided. */
export const ownSwapsQuery = (organization: string) =>
  queryOptions({
    queryKey: [...onCallKey(organization), 'swaps'],
    queryFn: ({ signal }): Promise<Swap[]> =>
      everyPage((cursor) =>
        answer(
          api.GET('/api/v1/orgs/{organization}/shift-swaps/', {
            params: { path: { organization }, query: { mine: true, status: ['offered'], page_size: 200, cursor } },
            signal,
          }),
        ),
      ),
  })

export const decideSwap = (organization: string, id: string, act: 'accept' | 'decline' | 'withdraw'): Promise<Swap> => {
  const where = one(organization, id)
  if (act === 'accept') return answer(api.POST('/api/v1/orgs/{organization}/shift-swaps/{id}/accept/', where))
  if (act === 'decline') return answer(api.POST('/api/v1/orgs/{organization}/shift-swaps/{id}/decline/', where))
  return answer(api.POST('/api/v1/orgs/{organization}/shift-swaps/{id}/withdraw/', where))
}
