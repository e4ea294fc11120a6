/** The audit trail: who changed what, when, through what and from where. */

import { infiniteQueryOptions } from '@tanstack/react-query'
import { answer, api, cursorOf, type PageOf } from '@/shared/api/client'
import type { AuditEvent } from '@/shared/api/types'

const PAGE = 50

export const ACTIONS = { create: 'Added', update: 'Changed', delete: 'Deleted' } as const
export type AuditAction = keyof typeof ACTIONS

/** As in the address: days as people write them. */
export interface AuditFilters {
  actor?: string
  entity?: string
  action?: AuditAction
  object?: string
  /** First and last day, both inclusive, "2026-11-21", in the reader's time. */
  from?: string
  to?: string
}

/** The start of a day in the reader's time, some days on; undefined for what isn't a day. */
function startOf(day: string | undefined, daysOn = 0): string | undefined {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day ?? '')
  if (!parts) return undefined
  const [, year, month, date] = parts
  const start = new Date(Number(year), Number(month) - 1, Number(date) + daysOn)
  return Number.isNaN(start.getTime()) ? undefined : start.toISOString()
}

/** As the server wants them. */
export function questionOf(filters: AuditFilters) {
  return {
    actor: filters.actor,
    entity: filters.entity,
    action: filters.action && [filters.action],
    object_id: filters.object,
    after: startOf(filters.from),
    before: startOf(filters.to, 1),
  }
}

export const auditKey = (organization: string) => ['audit', organization] as const

export const auditQuery = (organization: string, filters: AuditFilters) =>
  infiniteQueryOptions({
    queryKey: [...auditKey(organization), filters],
    queryFn: async ({ signal, pageParam }): Promise<PageOf<AuditEvent>> => {
      const page = await answer(
        api.GET('/api/v1/orgs/{organization}/audit-events/', {
          params: { path: { organization }, query: { ...questionOf(filters), page_size: PAGE, cursor: pageParam } },
          signal,
        }),
      )
      // The same address also offers a file, for who asks for one.
      if (typeof page === 'string') throw new TypeError('The audit trail came as a file.')
      return page
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => cursorOf(page.next),
  })

/** Everything that matches, as a file. */
export function csvAddress(organization: string, filters: AuditFilters): string {
  const query = new URLSearchParams({ format: 'csv' })
  for (const [name, value] of Object.entries(questionOf(filters)))
    for (const each of [value].flat()) if (each) query.append(name, each)
  return `/api/v1/orgs/${encodeURIComponent(organization)}/audit-events/?${query}`
}
