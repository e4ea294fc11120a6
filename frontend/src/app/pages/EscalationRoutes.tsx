import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { PoliciesPage } from '@/features/escalation/PoliciesPage'
import { PolicyPage } from '@/features/escalation/PolicyPage'
import { policyQuery } from '@/features/escalation/queries'
import { Problem } from '@/shared/api/client'
import { useMember } from '@/shared/member'
import { useTitle } from '@/shared/ui/useTitle'
import { Allowed } from './Allowed'
import { LoadingPage, Missing, TroublePage } from './Fallbacks'
import { useColleagues, usePlaces } from './usePlaces'

const one = getRouteApi('/signed-in/o/$org/escalation/$policy')

export function EscalationRoute() {
  return (
    <Allowed action="escalation.view" title="Escalation">
      <Policies />
    </Allowed>
  )
}

function Policies() {
  const places = usePlaces()
  const colleagues = useColleagues(null)
  return <PoliciesPage {...{ places, colleagues }} />
}

function useBack() {
  const { organization } = useMember()
  const navigate = useNavigate()
  return () => void navigate({ to: '/o/$org/escalation', params: { org: organization } })
}

export function NewPolicyRoute() {
  const places = usePlaces()
  const colleagues = useColleagues(null)
  const onDone = useBack()
  return (
    <Allowed action="escalation.change" title="New policy">
      <PolicyPage policy={undefined} {...{ places, colleagues, onDone }} />
    </Allowed>
  )
}

export function PolicyRoute() {
  const { organization } = useMember()
  const { policy: id } = one.useParams()
  const policy = useQuery(policyQuery(organization, id))
  const places = usePlaces()
  const colleagues = useColleagues(null)
  const onDone = useBack()
  useTitle(policy.data?.name ?? 'Escalation policy')
  if (policy.error && !policy.data) {
    const isMissing = policy.error instanceof Problem && [400, 404].includes(policy.error.status)
    return isMissing ? (
      <Missing what="escalation policy" />
    ) : (
      <TroublePage error={policy.error} retry={() => void policy.refetch()} />
    )
  }
  if (!policy.data) return <LoadingPage />
  return <PolicyPage key={id} policy={policy.data} {...{ places, colleagues, onDone }} />
}
