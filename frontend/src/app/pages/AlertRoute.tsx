import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useMemo } from 'react'
import { AlertPage } from '@/features/alerts/AlertPage'
import { alertQuery } from '@/features/alerts/queries'
import { factsOf, subject } from '@/features/alerts/words'
import { NextPanel } from '@/features/escalation/NextPanel'
import { MuteButton } from '@/features/mutes/MuteButton'
import type { Target } from '@/features/mutes/MuteDialog'
import { AlertMuted } from '@/features/mutes/MuteNotices'
import { ReasonsThen } from '@/features/rules/Reasons'
import { type Limit, limitOf } from '@/features/units/limits'
import { unitsQuery } from '@/features/units/queries'
import { PastReadingsPanel } from '@/features/units/ReadingsPanel'
import { Problem } from '@/shared/api/client'
import type { Alert } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { useNow } from '@/shared/now'
import { useTitle } from '@/shared/ui/useTitle'
import { LoadingPage, Missing, TroublePage } from './Fallbacks'
import { spansOf } from './UnitRoute'
import { useColleagues, useSubjects } from './usePlaces'

const route = getRouteApi('/signed-in/o/$org/alerts/$alert')
const MINUTE = 60_000

export function AlertRoute() {
  const { organization } = useMember()
  const { alert: id } = route.useParams()
  const alert = useQuery(alertQuery(organization, id))
  useTitle(alert.data ? subject(alert.data) : 'Alert')

  if (alert.error && !alert.data) {
    const isMissing = alert.error instanceof Problem && [400, 404].includes(alert.error.status)
    return isMissing ? <Missing what="alert" /> : <TroublePage error={alert.error} retry={() => void alert.refetch()} />
  }
  if (!alert.data) return <LoadingPage />
  return <Known key={id} alert={alert.data} />
}

/** Where alerts, units, rules and mutes meet: the features don't know each other. */
function Known({ alert }: { alert: Alert }) {
  const member = useMember()
  const subjects = useSubjects()
  const colleagues = useColleagues(alert.site)
  const targets: Target[] = [
    ...(alert.unit ? [{ words: `This unit: ${alert.unit_name}`, unit: alert.unit }] : []),
    ...(alert.site ? [{ words: `The whole site: ${alert.site_name}`, site: alert.site }] : []),
    ...(alert.rule ? [{ words: `The rule “${alert.rule_name}”, everywhere`, rule: alert.rule }] : []),
  ]
  return (
    <AlertPage
      {...{ alert, colleagues }}
      chart={<ChartAround alert={alert} />}
      reasons={alert.unit && <ReasonsThen unit={alert.unit} at={alert.opened_at} />}
      muted={<AlertMuted alert={alert} subjects={subjects} />}
      next={alert.status !== 'resolved' && may(member, 'escalation.view') && <NextPanel {...{ alert, colleagues }} />}
      mute={<MuteButton targets={targets} site={alert.site} />}
    />
  )
}

/** The limit that was broken, as it was then. */
function limitsThen(alert: Alert): Limit[] {
  const { kind, condition, threshold, severity, rule } = alert
  const delay_s = factsOf(alert).terms?.delay_s ?? 0
  const metric = kind === 'product_temperature' ? kind : kind === 'temperature' ? kind : 'humidity'
  const limit = limitOf({ id: rule ?? '', metric, condition, threshold, severity, delay_s })
  return limit ? [limit] : []
}

/** The unit's temperature from an hour before to an hour after. */
function ChartAround({ alert }: { alert: Alert }) {
  const { organization } = useMember()
  const unit = useQuery(unitsQuery(organization)).data?.find((each) => each.id === alert.unit)
  const now = useNow((ms) => Math.ceil(ms / MINUTE) * MINUTE)
  const limits = useMemo(() => limitsThen(alert), [alert])
  const spans = useMemo(() => spansOf([alert]), [alert])
  if (!unit) return null
  const started = Date.parse(alert.started_at)
  const ended = alert.resolved_at ? Date.parse(alert.resolved_at) : now
  return (
    <PastReadingsPanel
      {...{ unit, limits, spans }}
      words="Around this alert"
      product={alert.kind === 'product_temperature'}
      from={started - 60 * MINUTE}
      to={Math.min(now, ended + 60 * MINUTE)}
    />
  )
}
