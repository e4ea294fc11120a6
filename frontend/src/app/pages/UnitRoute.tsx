import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useMemo } from 'react'
import { unitAlertsQuery } from '@/features/alerts/queries'
import { UnitAlerts } from '@/features/alerts/UnitAlerts'
import type { Span } from '@/features/units/limits'
import { unitsQuery } from '@/features/units/queries'
import { UnitPage } from '@/features/units/UnitPage'
import type { Alert } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { useTitle } from '@/shared/ui/useTitle'
import { LoadingPage, Missing, TroublePage } from './Fallbacks'

const route = getRouteApi('/signed-in/o/$org/units/$unit')

/** Where units and alerts meet: the features don't know each other. */
export function UnitRoute() {
  const { organization } = useMember()
  const { unit: id } = route.useParams()
  const { range = '24h' } = route.useSearch()
  const navigate = route.useNavigate()
  const units = useQuery(unitsQuery(organization))
  const alerts = useQuery(unitAlertsQuery(organization, id)).data
  const spans = useMemo(() => spansOf(alerts ?? []), [alerts])
  const unit = units.data?.find((each) => each.id === id)
  useTitle(unit?.name ?? 'Unit')

  if (units.error && !units.data) return <TroublePage error={units.error} retry={() => void units.refetch()} />
  if (!units.data) return <LoadingPage />
  if (!unit) return <Missing what="unit" />
  return (
    <UnitPage
      key={id}
      {...{ unit, range, spans }}
      onRange={(chosen) => void navigate({ search: { range: chosen }, replace: true })}
      alerts={<UnitAlerts unit={id} />}
    />
  )
}

export function spansOf(alerts: Alert[]): Span[] {
  return alerts.map(({ id, severity, started_at, resolved_at }) => ({
    id,
    severity,
    from: Date.parse(started_at),
    to: resolved_at === null ? null : Date.parse(resolved_at),
  }))
}
