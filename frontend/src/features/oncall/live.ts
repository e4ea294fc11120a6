/** What live messages change in what we know of duties. */

import { type LiveHandler, refetchGently } from '@/shared/live'
import { onCallKey } from './queries'

const SUBJECTS = new Set(['on_call_schedule', 'on_call_override', 'shift_swap', 'membership'])

export const onOnCallMessage: LiveHandler = (client, organization, message) => {
  if (message.type === 'change' && SUBJECTS.has(message.entity)) refetchGently(client, onCallKey(organization))
}
