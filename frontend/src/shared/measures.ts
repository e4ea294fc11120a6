/** Values of whatever a rule compares, in the reader's words and scale. The backend speaks °C, %, dBm. Pure functions. */

import type { Condition, Metric } from './api/types'
import type { Scale } from './preferences'
import { fromScale, inScale, NARROW_SPACE, percent, temperature, temperatureDifference } from './units'

/** What is measured, and in which manner it is judged: a rise is a difference, whatever was measured. */
export interface Measured {
  metric: Metric | string
  condition: Condition
}

export const isDegrees = ({ metric }: Pick<Measured, 'metric'>): boolean =>
  metric === 'temperature' || metric === 'product_temperature'

/** Conditions that compare nothing with a limit: something is the case, or isn't. */
export const hasThreshold = (condition: Condition): boolean =>
  condition === 'above' || condition === 'below' || condition === 'rate_above'

/** A value of a measure: "8.4 °C", "92 %", "3.0 °C an hour". */
export function amountOf({ metric, condition }: Measured, value: number | null, scale: Scale): string {
  if (value === null) return '–'
  if (metric === 'humidity' || metric === 'battery') return percent(value)
  if (metric === 'signal') return `${String(value).replace('-', '\u2212')} dBm`
  if (!isDegrees({ metric })) return String(value)
  return condition === 'rate_above' ? `${temperatureDifference(value, scale)} an hour` : temperature(value, scale)
}

/** How far from the limit something is, or must be: "1.0 °C", "5 %". */
export function distanceOf({ metric }: Measured, value: number, scale: Scale): string {
  if (isDegrees({ metric })) return temperatureDifference(value, scale)
  return metric === 'signal' ? `${value} dB` : percent(value)
}

/** What stands behind the number in a field. */
export function fieldUnit({ metric, condition }: Measured, scale: Scale): string {
  if (isDegrees({ metric })) return condition === 'rate_above' ? `°${scale}/h` : `°${scale}`
  return metric === 'signal' ? 'dBm' : '%'
}

const hundredth = (value: number): number => Math.round(value * 100) / 100 + 0

/** A limit as a field shows it, to the hundredth. */
export function thresholdInField({ metric, condition }: Measured, value: number, scale: Scale): number {
  if (!isDegrees({ metric })) return hundredth(value)
  return hundredth(condition === 'rate_above' ? differenceInScale(value, scale) : inScale(value, scale))
}

/** What somebody typed as a limit, for the backend. What the field showed for `before` is `before`, to its last digit. */
export function thresholdFromField(measured: Measured, shown: number, scale: Scale, before: number | null): number {
  if (before !== null && thresholdInField(measured, before, scale) === shown) return before
  if (!isDegrees(measured)) return shown
  return measured.condition === 'rate_above' ? differenceFromScale(shown, scale) : fromScale(shown, scale)
}

/** A distance as a field shows it. */
export const distanceInField = (measured: Measured, value: number, scale: Scale): number =>
  hundredth(isDegrees(measured) ? differenceInScale(value, scale) : value)

/** What somebody typed as a distance, for the backend. */
export function distanceFromField(measured: Measured, shown: number, scale: Scale, before: number | null): number {
  if (before !== null && distanceInField(measured, before, scale) === shown) return before
  return isDegrees(measured) ? differenceFromScale(shown, scale) : shown
}

const differenceInScale = (celsius: number, scale: Scale): number => (scale === 'F' ? celsius * 1.8 : celsius)
const differenceFromScale = (shown: number, scale: Scale): number => (scale === 'F' ? (shown * 5) / 9 : shown)

// "5.0 °C", "−18 °C", "12 °C an hour"; not the °C of a word such as "°C/h" without a number.
const SAID =
  /([-\u2212]?\d+(?:\.\d+)?)[\s\u00a0\u202f]?°C( (?:an|per) hour|\/h| (?:below|under|inside|within|hysteresis))?/g

/** A sentence of the backend, which speaks °C, with its temperatures in the reader's scale. */
export function sentenceIn(sentence: string, scale: Scale): string {
  if (scale === 'C')
    return sentence.replace(
      SAID,
      (_, number: string, after = '') => `${number.replace('-', '\u2212')}${NARROW_SPACE}°C${after}`,
    )
  return sentence.replace(SAID, (_, number: string, difference: string | undefined) => {
    const celsius = Number(number.replace('\u2212', '-'))
    return difference ? `${temperatureDifference(celsius, scale)}${difference}` : temperature(celsius, scale)
  })
}
