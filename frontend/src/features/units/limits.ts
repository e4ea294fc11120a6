/** Which alert rules bound a unit's temperature, and which alerts shade its chart. */

import type { Severity, UnitRule } from '@/shared/api/types'

export interface Limit {
  rule: string
  side: 'above' | 'below'
  celsius: number
  severity: Severity
  delayMs: number
  /** What it bounds: the air, or the estimated temperature of what lies in it. */
  of: 'air' | 'product'
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
  /** It didn't happen: a rule that is being tried would have opened it. There is no alert to go to. */
  tried?: boolean
}

/** The temperature limits in force for a unit, as they are now changed for it, from the coldest to the warmest. */
export function limitsOf(rules: UnitRule[]): Limit[] {
  return rules
    .filter(({ in_force }) => in_force)
    .flatMap((rule) => limitOf({ ...rule, ...changed(rule) }) ?? [])
    .sort((a, b) => a.celsius - b.celsius)
}

function changed({ override }: UnitRule): { threshold?: number; delay_s?: number } {
  if (!override || override.ended_at) return {}
  return {
    ...(override.threshold !== null && { threshold: override.threshold }),
    ...(override.delay_s !== null && { delay_s: override.delay_s }),
  }
}

type Terms = Pick<UnitRule, 'id' | 'metric' | 'condition' | 'severity'> & {
  threshold: number | null
  delay_s: number
}

/** The line of one rule; null if it bounds no temperature. */
export function limitOf({ id, metric, condition, threshold, severity, delay_s }: Terms): Limit | null {
  if (metric !== 'temperature' && metric !== 'product_temperature') return null
  if ((condition !== 'above' && condition !== 'below') || threshold === null) return null
  const of = metric === 'temperature' ? 'air' : 'product'
  return { rule: id, side: condition, celsius: threshold, severity, delayMs: delay_s * 1000, of }
}

/** The room between the innermost limits of the air, in °C; undefined on a side that has none. */
export function roomWithin(limits: Limit[]): { low?: number; high?: number } {
  const air = limits.filter((limit) => limit.of === 'air')
  const of = (side: Limit['side']) => air.filter((limit) => limit.side === side).map((limit) => limit.celsius)
  const [above, below] = [of('above'), of('below')]
  return {
    ...(below.length > 0 && { low: Math.max(...below) }),
    ...(above.length > 0 && { high: Math.min(...above) }),
  }
}
