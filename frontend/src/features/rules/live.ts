/** What live messages change in what we know of rules. */

import { type LiveHandler, refetchGently } from '@/shared/live'

const CHANGES = new Set(['alert_rule', 'rule_override', 'unit', 'site', 'area'])

export const onRuleMessage: LiveHandler = (client, organization, message) => {
  if (message.type !== 'change' || !CHANGES.has(message.entity)) return
  // (Which rules watch a unit also depends on where it stands and what it is.)
  refetchGently(client, ['unit-rules', organization])
  if (message.entity === 'alert_rule') refetchGently(client, ['alert-rules', organization])
}
