import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { getRouteApi, useLocation, useRouter } from '@tanstack/react-router'
import { useMemo } from 'react'
import { unitAlertsQuery, unitAlertsSinceQuery } from '@/features/alerts/queries'
import { UnitAlerts } from '@/features/alerts/UnitAlerts'
import { MuteButton } from '@/features/mutes/MuteButton'
import { UnitMuted } from '@/features/mutes/MuteNotices'
import { UnitRulesPanel } from '@/features/rules/UnitRulesPanel'
import { ReachPanel } from '@/features/telling/ReachPanel'
import { limitsOf, type Span } from '@/features/units/limits'
import { unitsQuery } from '@/features/units/queries'
import type { History } from '@/features/units/ReadingsPanel'
import { FIRST_MOMENT, searchOf, stretchOf, type View, viewOf } from '@/features/units/range'
import { UnitPage } from '@/features/units/UnitPage'
import type { Alert } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { unitRulesQuery } from '@/shared/rules'
import { useTitle } from '@/shared/ui/useTitle'
import { LoadingPage, Missing, TroublePage } from './Fallbacks'
import { useSubjects } from './usePlaces'

const route = getRouteApi('/signed-in/o/$org/units/$unit')

/** Where units and alerts meet: the features don't know each other. */
export function UnitRoute() {
  const { organization } = useMember()
  const { unit: id } = route.useParams()
  const units = useQuery(unitsQuery(organization))
  const history = useHistory()
  const spans = useSpans(id, history.view)
  const known = useQuery(unitRulesQuery(organization, id)).data
  const limits = useMemo(() => limitsOf(known?.rules ?? []), [known])
  const subjects = useSubjects()
  const unit = units.data?.find((each) => each.id === id)
  useTitle(unit?.name ?? 'Unit')

  if (units.error && !units.data) return <TroublePage error={units.error} retry={() => void units.refetch()} />
  if (!units.data) return <LoadingPage />
  if (!unit) return <Missing what="unit" />
  const site = subjects.sites.find((each) => each.id === unit.site)
  const targets = [
    { words: `This unit: ${unit.name}`, unit: id },
    ...(site ? [{ words: `The whole site: ${site.name}`, site: site.id }] : []),
  ]
  return (
    <UnitPage
      key={id}
      {...{ unit, history, limits, spans }}
      muted={<UnitMuted unit={unit} subjects={subjects} />}
      actions={<MuteButton targets={targets} site={unit.site} />}
      rules={
        <>
          <UnitRulesPanel unit={unit} />
          <ReachPanel unit={id} />
        </>
      }
      alerts={<UnitAlerts unit={id} />}
    />
  )
}

/** The time shown is in the address: it can be sent to somebody, and the browser's way back is the chart's. */
function useHistory(): History {
  const { range, from, to, as } = route.useSearch()
  const navigate = route.useNavigate()
  const router = useRouter()
  const steps = useLocation({ select: ({ state }) => state.steps ?? 0 })
  const view = useMemo(() => viewOf({ range, from, to }), [range, from, to])
  return {
    view,
    onView: (chosen, { replace }) =>
      void navigate({
        search: { ...searchOf(chosen), as },
        state: { steps: steps + (replace ? 0 : 1) },
        replace: replace && steps > 0,
        resetScroll: false,
      }),
    onBack: steps > 0 ? () => router.history.back() : undefined,
    isTable: as === 'table',
    onTable: (isTable) =>
      void navigate({
        search: { range, from, to, as: isTable ? 'table' : undefined },
        state: { steps },
        replace: true,
        resetScroll: false,
      }),
  }
}

declare module '@tanstack/react-router' {
  interface HistoryState {
    /** How often the time shown was changed on the way here: as far the chart can go back. */
    steps?: number
  }
}

/** Alerts of the time shown, and of the last days anyway. */
function useSpans(unit: string, view: View): Span[] {
  const { organization } = useMember()
  const newest = useQuery(unitAlertsQuery(organization, unit)).data
  const since = alertsSince(view)
  const older = useQuery({ ...unitAlertsSinceQuery(organization, unit, since), placeholderData: keepPreviousData }).data
  return useMemo(() => {
    const all = new Map([...(older ?? []), ...(newest ?? [])].map((alert) => [alert.id, alert]))
    return spansOf([...all.values()])
  }, [newest, older])
}

/** A month before what is shown: alerts seldom last longer. By months, so that zooming in asks for nothing new. */
function alertsSince(view: View): string {
  const month = 30 * 86_400_000
  const from = stretchOf(view, Date.now(), FIRST_MOMENT).from
  return new Date(Math.max(FIRST_MOMENT, (Math.floor(from / month) - 1) * month)).toISOString()
}

export function spansOf(alerts: Alert[]): Span[] {
  return alerts.map(({ id, severity, rule_name, started_at, resolved_at }) => ({
    id,
    name: rule_name,
    severity,
    from: Date.parse(started_at),
    to: resolved_at === null ? null : Date.parse(resolved_at),
  }))
}
