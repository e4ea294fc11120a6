/** What rules and mutes can be about, from the features that know it. */

import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { Subjects } from '@/features/mutes/words'
import { membersQuery } from '@/features/organization/people'
import type { Places } from '@/features/rules/words'
import { areasQuery, unitsQuery } from '@/features/units/queries'
import type { Colleague } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { rulesQuery } from '@/shared/rules'
import { sitesQuery } from '@/shared/sites'

/** Sites, areas and units; empty until they are known. */
export function usePlaces(): Places {
  const { organization } = useMember()
  const sites = useQuery(sitesQuery(organization)).data
  const areas = useQuery(areasQuery(organization)).data
  const units = useQuery(unitsQuery(organization)).data
  return useMemo(() => ({ sites: sites ?? [], areas: areas ?? [], units: units ?? [] }), [sites, areas, units])
}

export function useSubjects(): Subjects {
  const { organization } = useMember()
  const { sites, units } = usePlaces()
  const rules = useQuery(rulesQuery(organization)).data
  return useMemo(() => ({ sites, units, rules: rules ?? [] }), [sites, units, rules])
}

/** Everybody who works here and may see a site; null: any. */
export function useColleagues(site: string | null): Colleague[] {
  const member = useMember()
  const known = useQuery({ ...membersQuery(member.organization), enabled: may(member, 'members.view') }).data
  return useMemo(
    () => (known ?? []).filter(({ sites }) => sites === null || site === null || sites.includes(site)),
    [known, site],
  )
}
