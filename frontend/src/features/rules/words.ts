/** A rule in words: what it watches, when it alerts, and where. Pure functions. */

import type { AlertRule, Area, Condition, LegalLimit, Metric, Site, Unit } from '@/shared/api/types'
import { amountOf, distanceOf, hasThreshold } from '@/shared/measures'
import type { Scale } from '@/shared/preferences'
import { duration, kindName } from '@/shared/units'

/** Where rules can stand: handed in by the app, since units belong to another feature. */
export interface Places {
  sites: Site[]
  areas: Area[]
  units: Unit[]
}

export type Scope = AlertRule['scope']

const SUBJECTS: Record<Metric, string> = {
  temperature: 'Air',
  product_temperature: 'Product',
  humidity: 'Humidity',
  battery: 'Battery',
  signal: 'Signal',
  gateway: 'Gateway',
}

const CONDITIONS: Record<Condition, string> = {
  above: 'above',
  below: 'below',
  rate_above: 'rising faster than',
  no_data: 'No data',
  fault: 'Sensor fault',
  door_open_for: 'Door open',
}

type Terms = Pick<AlertRule, 'metric' | 'condition' | 'threshold' | 'delay_s' | 'schedule'>

/** "Air above 5.0 °C for 30 min", "No data for 20 min", "Door open for 10 min, in opening hours". */
export function ruleWords(rule: Terms, scale: Scale): string {
  const { metric, condition, threshold, delay_s, schedule } = rule
  const start = hasThreshold(condition)
    ? `${SUBJECTS[metric]} ${CONDITIONS[condition]} ${amountOf(rule, threshold ?? null, scale)}`
    : metric === 'gateway'
      ? 'Gateway silent'
      : CONDITIONS[condition]
  const held = (delay_s ?? 0) > 0 ? ` for ${duration((delay_s ?? 0) * 1000)}` : ''
  return `${start}${held}${schedule === 'opening_hours' ? ', in opening hours' : ''}`
}

/** When it clears: "Clears at 4.0 °C or less for 10 min". */
export function clearWords(rule: AlertRule, scale: Scale): string | null {
  const { condition, threshold, hysteresis = 0, clear_delay_s = 0 } = rule
  const held = clear_delay_s > 0 ? ` for ${duration(clear_delay_s * 1000)}` : ''
  if (!hasThreshold(condition) || threshold == null) return held ? `Clears when it is over${held}.` : null
  const back = condition === 'below' ? threshold + hysteresis : threshold - hysteresis
  const apart = hysteresis > 0 ? `, ${distanceOf(rule, hysteresis, scale)} inside the limit` : ''
  return `Clears at ${amountOf(rule, back, scale)} or ${condition === 'below' ? 'more' : 'less'}${apart}${held}.`
}

/** What the law says: "At most 5.0 °C", "At least 57.0 °C". */
export function legalWords(limit: LegalLimit, scale: Scale): string {
  const what = limit.metric === 'product_temperature' ? 'Food' : SUBJECTS[limit.metric]
  if (limit.threshold === null) return 'No number'
  return `${what} at ${limit.condition === 'below' ? 'least' : 'most'} ${amountOf(limit, limit.threshold, scale)}`
}

export type ScopeKind = 'organization' | 'unit_kind' | 'site' | 'area' | 'unit'

export const SCOPES: Record<ScopeKind, { title: string; words: string }> = {
  organization: { title: 'Everywhere', words: 'The whole organization' },
  unit_kind: { title: 'Kinds of units', words: 'A kind of unit' },
  site: { title: 'Sites', words: 'One site' },
  area: { title: 'Areas', words: 'One area' },
  unit: { title: 'Single units', words: 'One unit' },
}

/** From the widest to the narrowest; a narrower rule replaces a wider one of the same kind and severity. */
export const SCOPE_KINDS = Object.keys(SCOPES) as ScopeKind[]

export function scopeKind({ site, area, unit, unit_kind }: Scope): ScopeKind {
  if (unit) return 'unit'
  if (unit_kind) return 'unit_kind'
  if (area) return 'area'
  return site ? 'site' : 'organization'
}

/** Where it watches: "Walk-in coolers", "Harbour Street", "Counter fridge (Harbour Street)". */
export function scopeWords(scope: Scope, { sites, areas, units }: Places): string {
  const siteName = (id: string | undefined) => sites.find((each) => each.id === id)?.name
  if (scope.unit) {
    const unit = units.find((each) => each.id === scope.unit)
    return unit ? [unit.name, siteName(unit.site)].filter(Boolean).join(', ') : 'A unit'
  }
  if (scope.unit_kind) return kindName(scope.unit_kind)
  if (scope.area) {
    const area = areas.find((each) => each.id === scope.area)
    return area ? [area.name, siteName(area.site)].filter(Boolean).join(', ') : 'An area'
  }
  if (scope.site) return siteName(scope.site) ?? 'A site'
  return 'The whole organization'
}

/** The units that a scope holds, as far as one can tell without the server. */
export function unitsIn(scope: Scope, units: Unit[]): Unit[] {
  const { site, area, unit, unit_kind } = scope
  return units.filter(
    (each) =>
      (!site || each.site === site) &&
      (!area || each.area === area) &&
      (!unit || each.id === unit) &&
      (!unit_kind || each.kind === unit_kind),
  )
}
