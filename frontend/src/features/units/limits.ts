/** Which alert rules bound a unit's temperature, and which alerts shade its chart. */

import type { AlertRule, Severity, Unit } from '@/shared/api/types'
import type { Scale } from '@/shared/preferences'
import { duration, temperature } from '@/shared/units'

export interface Limit {
  rule: string
  side: 'above' | 'below'
  celsius: number
  severity: Severity
  delayMs: number
}

/** A stretch in which an alert was on. */
export interface Span {
  id: string
  from: number
  /** null: still on. */
  to: number | null
  severity: Severity
  /** What its rule is called. */
  name: string
}

function appliesTo(rule: AlertRule, unit: Unit): boolean {
  if (!rule.enabled || (rule.is_default && !unit.default_rules)) return false
  const { site, area, unit: one, unit_kind } = rule.scope ?? {}
  if (site) return site === unit.site
  if (area) return area === unit.area
  if (one) return one === unit.id
  if (unit_kind) return unit_kind === unit.kind
  return true
}

/** The temperature limits of a unit, from the coldest to the warmest. */
export function limitsOf(unit: Unit, rules: AlertRule[]): Limit[] {
  return rules
    .filter((rule) => rule.metric === 'temperature' && appliesTo(rule, unit))
    .flatMap((rule) =>
      (rule.condition === 'above' || rule.condition === 'below') && typeof rule.threshold === 'number'
        ? [
            {
              rule: rule.id,
              side: rule.condition,
              celsius: rule.threshold,
              severity: rule.severity,
              delayMs: (rule.delay_s ?? 0) * 1000,
            } satisfies Limit,
          ]
        : [],
    )
    .sort((a, b) => a.celsius - b.celsius)
}

/** "Above 5.0 °C for 30 min" */
export function limitWords(limit: Limit, scale: Scale): string {
  const side = limit.side === 'above' ? 'Above' : 'Below'
  const held = limit.delayMs > 0 ? ` for ${duration(limit.delayMs)}` : ''
  return `${side} ${temperature(limit.celsius, scale)}${held}`
}

/** The room between the innermost limits, in °C; undefined on a side that has none. */
export function roomWithin(limits: Limit[]): { low?: number; high?: number } {
  const of = (side: Limit['side']) => limits.filter((limit) => limit.side === side).map((limit) => limit.celsius)
  const [above, below] = [of('above'), of('below')]
  return {
    ...(below.length > 0 && { low: Math.max(...below) }),
    ...(above.length > 0 && { high: Math.min(...above) }),
  }
}
