/** An alert in the words of the trade. */

import type { Alert } from '@/shared/api/types'
import type { Scale } from '@/shared/preferences'
import { inScale, percent, temperature } from '@/shared/units'

const isTemperature = (alert: Alert): boolean => alert.kind === 'temperature' || alert.kind === 'product_temperature'

/** A value of the alert's own measure: "8.4 °C", "92 %". */
export function measure(alert: Alert, value: number | null, scale: Scale): string {
  if (value === null) return '–'
  if (alert.kind === 'humidity' || alert.kind === 'battery') return percent(value)
  if (alert.kind === 'signal') return `${value} dBm`
  if (alert.condition === 'rate_above')
    return `${(inScale(value, scale) - inScale(0, scale)).toFixed(1)} °${scale} an hour`
  if (isTemperature(alert)) return temperature(value, scale)
  return String(value)
}

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
  const { condition } = alert
  if (condition !== 'above' && condition !== 'below') return SUBJECTS[condition] ?? alert.rule_name
  if (isTemperature(alert)) return condition === 'above' ? 'Too warm' : 'Too cold'
  return `${SUBJECTS[alert.kind] ?? alert.kind} too ${condition === 'above' ? 'high' : 'low'}`
}

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
