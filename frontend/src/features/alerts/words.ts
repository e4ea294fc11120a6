/** An alert in the words of the trade. */

import type { Alert, Condition } from '@/shared/api/types'
import { amountOf, distanceOf } from '@/shared/measures'
import type { Scale } from '@/shared/preferences'
import { duration } from '@/shared/units'

/** What an alert found when it opened, kept with it; {} for those from before that was kept. */
export interface AlertFacts {
  terms?: {
    condition: Condition
    threshold: number | null
    delay_s: number
    hysteresis: number
    clear_delay_s: number
    schedule?: string
  }
  signal?: string
  scope?: string
  reason?: string
  override?: string | null
  counted_s?: number
  frozen_s?: number
  tau_s?: number
}

export const factsOf = (alert: Alert): AlertFacts => (alert.facts ?? {}) as AlertFacts

/** What an alert's values are values of. A rule of another condition compares nothing. */
const measured = ({ kind, condition }: Pick<Alert, 'kind' | 'condition'>) => ({ metric: kind, condition })

/** A value of the alert's own measure: "8.4 °C", "92 %". */
export const measure = (alert: Alert, value: number | null, scale: Scale): string =>
  amountOf(measured(alert), value, scale)

const SUBJECTS: Record<string, string> = {
  humidity: 'Humidity',
  battery: 'Battery',
  signal: 'Signal',
  rate_above: 'Warming fast',
  no_data: 'No data',
  fault: 'Sensor fault',
  door_open_for: 'Door open',
}

/** What is wrong, in two words: "Too warm", "No data", "Humidity too high". */
export function headline(alert: Alert): string {
  const { condition, kind } = alert
  if (condition === 'no_data' && alert.gateway) return 'Gateway silent'
  if (condition !== 'above' && condition !== 'below') return SUBJECTS[condition] ?? alert.rule_name
  if (kind === 'temperature') return condition === 'above' ? 'Too warm' : 'Too cold'
  if (kind === 'product_temperature') return condition === 'above' ? 'Product too warm' : 'Product too cold'
  return `${SUBJECTS[kind] ?? kind} too ${condition === 'above' ? 'high' : 'low'}`
}

/** Whose alert it is: its unit, or where its gateway stands. */
export const subject = (alert: Alert): string => alert.unit_name || alert.site_name || 'Gateway'

/** "Counter fridge: too warm" */
export const title = (alert: Alert): string => `${subject(alert)}: ${headline(alert).toLowerCase()}`

/** "8.4 °C, limit 5.0 °C"; nothing where nothing was measured. */
export function extent(alert: Alert, scale: Scale): string {
  if (alert.threshold === null || (alert.peak ?? alert.value) === null) return ''
  const extreme = alert.peak ?? alert.value
  return `${measure(alert, extreme, scale)}, limit ${measure(alert, alert.threshold, scale)}`
}

/** How long it has lasted, or lasted, in milliseconds. */
export function lasted(alert: Alert, now: number): number {
  const end = alert.resolved_at ? Date.parse(alert.resolved_at) : now
  return Math.max(0, end - Date.parse(alert.started_at))
}

/** Whether a person has put it off: it is told again then. */
export const isSnoozed = (alert: Alert, now: number): boolean =>
  alert.status !== 'resolved' && alert.snoozed_until !== null && Date.parse(alert.snoozed_until) > now

const SIGNALS: Record<string, string> = {
  temperature: 'the air temperature',
  product_temperature: 'the estimated temperature of the product',
  humidity: 'the humidity',
  battery: 'the battery',
  signal: 'the radio signal',
  rate: 'how fast the temperature rises',
  door: 'the door contact',
  fault: 'what the sensor says about itself',
  silence: 'whether the sensor reports',
  no_data: 'whether the sensor reports',
  gateway: 'whether the gateway reports',
}

/** Why an alert opened, sentence by sentence, from what it found then. Empty for alerts from before that was kept. */
export function whyWords(alert: Alert, scale: Scale): string[] {
  const facts = factsOf(alert)
  const { terms } = facts
  if (!terms) return []
  const words = [watched(alert, scale)]
  const held = terms.delay_s * 1000
  // (What was found late wasn't counted reading by reading: it lasted at least as long as the rule waits.)
  const counted = duration(Math.max(facts.counted_s ?? 0, terms.delay_s) * 1000)
  if (terms.delay_s > 0) words.push(`That had lasted for ${counted}, and the rule waits for ${duration(held)}.`)
  if (terms.delay_s === 0) words.push('The rule waits for nothing: one reading was enough.')
  if (facts.frozen_s)
    words.push(`${duration(facts.frozen_s * 1000)} without readings didn't count: nobody measured in that time.`)
  if (terms.schedule === 'opening_hours') words.push("It watches in the site's opening hours only.")
  if (facts.tau_s) words.push(`The product follows the air with a time constant of ${duration(facts.tau_s * 1000)}.`)
  if (facts.override) words.push('Its terms were changed for this unit at the time.')
  if (facts.reason) words.push(facts.reason)
  words.push(...clearing(alert, terms, scale))
  return words
}

function watched(alert: Alert, scale: Scale): string {
  const { condition } = alert
  const facts = factsOf(alert)
  const what = SIGNALS[facts.signal ?? alert.kind] ?? 'it'
  const rule = alert.rule_name ? `The rule “${alert.rule_name}”` : 'Its rule'
  const threshold = facts.terms?.threshold ?? alert.threshold
  if (threshold === null || threshold === undefined) return `${rule} watches ${what}.`
  const side = condition === 'below' ? 'below' : 'above'
  const value = alert.value === null ? '' : ` It was ${measure(alert, alert.value, scale)}.`
  return `${rule} watches ${what}: not ${side} ${measure(alert, threshold, scale)}.${value}`
}

function clearing(alert: Alert, terms: NonNullable<AlertFacts['terms']>, scale: Scale): string[] {
  if (terms.threshold === null || alert.status === 'resolved') return []
  const back = terms.condition === 'below' ? terms.threshold + terms.hysteresis : terms.threshold - terms.hysteresis
  const apart = terms.hysteresis > 0 ? `, ${distanceOf(measured(alert), terms.hysteresis, scale)} inside the limit` : ''
  const held = terms.clear_delay_s > 0 ? ` for ${duration(terms.clear_delay_s * 1000)}` : ''
  return [`It resolves by itself once it is back at ${measure(alert, back, scale)}${apart}${held}.`]
}
