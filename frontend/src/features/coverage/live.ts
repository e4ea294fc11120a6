/** What live messages change in what we know of coverage. */

import { type LiveHandler, refetchGently } from '@/shared/live'
import { coverageQuery } from './queries'

const SUBJECTS = new Set(['escalation_policy', 'on_call_schedule', 'on_call_override', 'membership', 'site'])

export const onCoverageMessage: LiveHandler = (client, organization, message) => {
  if (message.type !== 'change' || !SUBJECTS.has(message.entity)) return
  refetchGently(client, coverageQuery(organization).queryKey)
}
