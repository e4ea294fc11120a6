import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { Trial } from '@/features/rules/PreviewPanel'
import { ruleQuery } from '@/features/rules/queries'
import { RulePage } from '@/features/rules/RulePage'
import { RulesPage } from '@/features/rules/RulesPage'
import { limitOf, type Span } from '@/features/units/limits'
import { earliestQuery } from '@/features/units/queries'
import { PastReadingsPanel } from '@/features/units/ReadingsPanel'
import { Problem } from '@/shared/api/client'
import { useMember } from '@/shared/member'
import { useTitle } from '@/shared/ui/useTitle'
import { Allowed } from './Allowed'
import { LoadingPage, Missing, TroublePage } from './Fallbacks'
import { usePlaces } from './usePlaces'

const all = getRouteApi('/signed-in/o/$org/rules')
const fresh = getRouteApi('/signed-in/o/$org/rules/new')
const one = getRouteApi('/signed-in/o/$org/rules/$rule')

export function RulesRoute() {
  const filters = all.useSearch()
  const navigate = all.useNavigate()
  const places = usePlaces()
  return (
    <Allowed action="rules.view" title="Rules">
      <RulesPage {...{ filters, places }} onFilters={(search) => void navigate({ search, replace: true })} />
    </Allowed>
  )
}

function useBack() {
  const { organization } = useMember()
  const navigate = useNavigate()
  return () => void navigate({ to: '/o/$org/rules', params: { org: organization } })
}

export function NewRuleRoute() {
  const { unit } = fresh.useSearch()
  const places = usePlaces()
  const onDone = useBack()
  const scope = unit ? { unit } : {}
  return (
    <Allowed action="rules.change" title="New rule">
      <RulePage rule={undefined} {...{ scope, places, onDone }} chart={(trial) => <TrialChart trial={trial} />} />
    </Allowed>
  )
}

export function RuleRoute() {
  const { organization } = useMember()
  const { rule: id } = one.useParams()
  const rule = useQuery(ruleQuery(organization, id))
  const places = usePlaces()
  const onDone = useBack()
  useTitle(rule.data?.name || 'Rule')
  if (rule.error && !rule.data) {
    const isMissing = rule.error instanceof Problem && [400, 404].includes(rule.error.status)
    return isMissing ? <Missing what="rule" /> : <TroublePage error={rule.error} retry={() => void rule.refetch()} />
  }
  if (!rule.data) return <LoadingPage />
  return (
    <RulePage
      key={id}
      rule={rule.data}
      {...{ scope: {}, places, onDone }}
      chart={(trial) => <TrialChart trial={trial} />}
    />
  )
}

/** A unit's curve with the limit that is being tried, shaded where it would have alerted. */
function TrialChart({ trial }: { trial: Trial }) {
  const { draft, incidents, from, to } = trial
  const { organization } = useMember()
  const unit = usePlaces().units.find(({ id }) => id === trial.unit)
  const earliest = useQuery(earliestQuery(organization, trial.unit)).data
  const spans = useMemo(
    () =>
      incidents.map(
        ({ opened_at, started_at, resolved_at }): Span => ({
          id: opened_at,
          name: draft.name || 'This rule',
          severity: draft.severity,
          from: Date.parse(started_at),
          to: resolved_at === null ? null : Date.parse(resolved_at),
          tried: true,
        }),
      ),
    [incidents, draft.name, draft.severity],
  )
  const limits = useMemo(() => {
    const limit = limitOf({ id: 'tried', ...draft })
    return limit ? [limit] : []
  }, [draft])
  if (!unit || earliest === undefined) return null
  // A unit that is measured since yesterday has no curve of three months.
  const begin = Math.max(from, Math.min((earliest ?? from) - (to - from) / 100, to - 86_400_000))
  return (
    <PastReadingsPanel
      key={`${unit.id} ${from}`}
      {...{ unit, limits, spans, to }}
      from={begin}
      title={unit.name}
      words={`The last ${Math.max(1, Math.round((to - begin) / 86_400_000))} days`}
      product={draft.metric === 'product_temperature'}
    />
  )
}
