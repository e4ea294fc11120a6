/** What live messages change in what we know of escalation. */

import { type LiveHandler, refetchGently } from '@/shared/live'
import { nextQuery } from './queries'

const POLICIES = new Set(['escalation_policy', 'on_call_schedule'])
/** Who has the duty, who works here and who can be reached: the names of the next steps. */
const PEOPLE = new Set(['on_call_schedule', 'on_call_override', 'shift_swap', 'membership', 'mute'])

export const onEscalationMessage: LiveHandler = (client, organization, message) => {
  if (message.type === 'alert') refetchGently(client, nextQuery(organization, message.alert.id).queryKey)
  if (message.type !== 'change') return
  if (POLICIES.has(message.entity)) refetchGently(client, ['escalation', organization])
  if (PEOPLE.has(message.entity)) refetchGently(client, ['alerts', organization, 'escalation'])
}
