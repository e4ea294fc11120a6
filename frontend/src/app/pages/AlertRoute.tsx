import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { AlertPage } from '@/features/alerts/AlertPage'
import { alertQuery } from '@/features/alerts/queries'
import { limitsOf } from '@/features/units/limits'
import { rulesQuery, unitsQuery } from '@/features/units/queries'
import { PastReadingsPanel } from '@/features/units/ReadingsPanel'
import { Problem } from '@/shared/api/client'
import type { Alert } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { useNow } from '@/shared/now'
import { useTitle } from '@/shared/ui/useTitle'
import { LoadingPage, Missing, TroublePage } from './Fallbacks'
import { spansOf } from './UnitRoute'

const route = getRouteApi('/signed-in/o/$org/alerts/$alert')
const MINUTE = 60_000

export function AlertRoute() {
  const { organization } = useMember()
  const { alert: id } = route.useParams()
  const alert = useQuery(alertQuery(organization, id))
  useTitle(alert.data ? alert.data.unit_name : 'Alert')

  if (alert.error && !alert.data) {
    const isMissing = alert.error instanceof Problem && [400, 404].includes(alert.error.status)
    return isMissing ? <Missing what="alert" /> : <TroublePage error={alert.error} retry={() => void alert.refetch()} />
  }
  if (!alert.data) return <LoadingPage />
  return <AlertPage key={id} alert={alert.data} chart={<ChartAround alert={alert.data} />} />
}

/** The unit's temperature from an hour before to an hour after. */
function ChartAround({ alert }: { alert: Alert }) {
  const { organization } = useMember()
  const unit = useQuery(unitsQuery(organization)).data?.find((each) => each.id === alert.unit)
  const rules = useQuery(rulesQuery(organization)).data ?? []
  const now = useNow((ms) => Math.ceil(ms / MINUTE) * MINUTE)
  if (!unit) return null
  const started = Date.parse(alert.started_at)
  const ended = alert.resolved_at ? Date.parse(alert.resolved_at) : now
  const limits = limitsOf(unit, rules).filter((limit) => limit.rule === alert.rule)
  return (
    <PastReadingsPanel
      {...{ unit, limits }}
      spans={spansOf([alert])}
      from={started - 60 * MINUTE}
      to={Math.min(now, ended + 60 * MINUTE)}
    />
  )
}
