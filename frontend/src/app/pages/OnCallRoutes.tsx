import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { OnCallPage } from '@/features/oncall/OnCallPage'
import { scheduleQuery } from '@/features/oncall/queries'
import { SchedulePage } from '@/features/oncall/SchedulePage'
import { meQuery } from '@/features/session/queries'
import { Problem } from '@/shared/api/client'
import { useMember } from '@/shared/member'
import { useTitle } from '@/shared/ui/useTitle'
import { Allowed } from './Allowed'
import { LoadingPage, Missing, TroublePage } from './Fallbacks'

const one = getRouteApi('/signed-in/o/$org/on-call/$schedule')

/** The person's own id; empty for the moment until it is known. */
const useOwnId = (): string => useQuery(meQuery).data?.id ?? ''

export function OnCallRoute() {
  const me = useOwnId()
  return (
    <Allowed action="oncall.view" title="On call">
      <OnCallPage me={me} />
    </Allowed>
  )
}

export function ScheduleRoute() {
  const { organization } = useMember()
  const { schedule: id } = one.useParams()
  const me = useOwnId()
  const schedule = useQuery(scheduleQuery(organization, id))
  useTitle(schedule.data?.name ?? 'On-call schedule')
  if (schedule.error && !schedule.data) {
    const isMissing = schedule.error instanceof Problem && [400, 404].includes(schedule.error.status)
    return isMissing ? (
      <Missing what="on-call schedule" />
    ) : (
      <TroublePage error={schedule.error} retry={() => void schedule.refetch()} />
    )
  }
  if (!schedule.data) return <LoadingPage />
  return <SchedulePage schedule={schedule.data} me={me} />
}
