/** A rule while somebody writes it, in the backend's measures. Pure functions. */

import type { AlertRule, AlertRuleBody, Condition, Metric, Severity } from '@/shared/api/types'
import { hasThreshold } from '@/shared/measures'
import { type Scope, type ScopeKind, scopeKind } from './words'

export interface Draft {
  name: string
  metric: Metric
  condition: Condition
  /** null: nothing usable is written. */
  threshold: number | null
  severity: Severity
  delay_s: number
  hysteresis: number
  clear_delay_s: number
  schedule: 'always' | 'opening_hours'
  enabled: boolean
  scopeKind: ScopeKind
  /** The id, or the kind of unit; '' while none is chosen. */
  scopeOf: string
}

export interface Watching {
  metric: Metric
  condition: Condition
  words: string
}

/** What a rule can watch, in groups as people look for it. */
export const WATCHING: { group: string; items: Watching[] }[] = [
  {
    group: 'Temperature of the air',
    items: [
      { metric: 'temperature', condition: 'above', words: 'Air warmer than' },
      { metric: 'temperature', condition: 'below', words: 'Air colder than' },
      { metric: 'temperature', condition: 'rate_above', words: 'Air warming faster than' },
    ],
  },
  {
    group: 'Temperature of the product (estimate)',
    items: [
      { metric: 'product_temperature', condition: 'above', words: 'Product warmer than' },
      { metric: 'product_temperature', condition: 'below', words: 'Product colder than' },
      { metric: 'product_temperature', condition: 'rate_above', words: 'Product warming faster than' },
    ],
  },
  {
    group: 'Humidity',
    items: [
      { metric: 'humidity', condition: 'above', words: 'Humidity above' },
      { metric: 'humidity', condition: 'below', words: 'Humidity below' },
    ],
  },
  {
    group: 'Doors and devices',
    items: [
      { metric: 'temperature', condition: 'door_open_for', words: 'Door open' },
      { metric: 'temperature', condition: 'no_data', words: 'Sensor silent (no data)' },
      { metric: 'temperature', condition: 'fault', words: 'Sensor fault' },
      { metric: 'battery', condition: 'below', words: 'Battery below' },
      { metric: 'signal', condition: 'below', words: 'Radio signal weaker than' },
      { metric: 'gateway', condition: 'no_data', words: 'Gateway silent' },
    ],
  },
]

export const watchKey = ({ metric, condition }: Pick<Watching, 'metric' | 'condition'>): string =>
  `${metric}:${condition}`

/** What of a rule somebody can choose; with its own, however seldom that is. */
export function watchOptions(own: Pick<Draft, 'metric' | 'condition'>) {
  const groups = WATCHING.map(({ group, items }) => ({
    group,
    items: items.map((item) => ({ value: watchKey(item), label: item.words })),
  }))
  const known = groups.some(({ items }) => items.some(({ value }) => value === watchKey(own)))
  if (known) return groups
  const label = `${own.metric.replaceAll('_', ' ')}: ${own.condition.replaceAll('_', ' ')}`
  return [...groups, { group: 'Other', items: [{ value: watchKey(own), label }] }]
}

const FIRST_THRESHOLDS: Partial<Record<string, number>> = {
  'temperature:above': 5,
  'temperature:below': 0,
  'temperature:rate_above': 10,
  'product_temperature:above': 5,
  'product_temperature:below': 0,
  'product_temperature:rate_above': 5,
  'humidity:above': 80,
  'humidity:below': 30,
  'battery:below': 15,
  'signal:below': -115,
}
const FIRST_DELAYS: Partial<Record<Condition, number>> = { no_data: 1200, fault: 300, door_open_for: 600 }

/** What one begins with, for what is watched. */
export function watching(draft: Draft, key: string): Draft {
  const [metric, condition] = key.split(':') as [Metric, Condition]
  if (metric === draft.metric && condition === draft.condition) return draft
  const sameMeasure = metric === draft.metric && hasThreshold(condition) && condition !== 'rate_above'
  const keeps = sameMeasure && hasThreshold(draft.condition) && draft.condition !== 'rate_above'
  return {
    ...draft,
    metric,
    condition,
    threshold: keeps ? draft.threshold : (FIRST_THRESHOLDS[key] ?? null),
    hysteresis: hasThreshold(condition) ? draft.hysteresis : 0,
    delay_s: FIRST_DELAYS[condition] ?? draft.delay_s,
  }
}

export function newDraft(scope: Scope): Draft {
  return {
    name: '',
    metric: 'temperature',
    condition: 'above',
    threshold: 5,
    severity: 'warning',
    delay_s: 1800,
    hysteresis: 1,
    clear_delay_s: 0,
    schedule: 'always',
    enabled: true,
    ...scopeOf(scope),
  }
}

function scopeOf(scope: Scope): Pick<Draft, 'scopeKind' | 'scopeOf'> {
  const kind = scopeKind(scope)
  return { scopeKind: kind, scopeOf: kind === 'organization' ? '' : (scope[kind] ?? '') }
}

export function draftOf(rule: AlertRule): Draft {
  return {
    name: rule.name ?? '',
    metric: rule.metric,
    condition: rule.condition,
    threshold: rule.threshold ?? null,
    severity: rule.severity,
    delay_s: rule.delay_s ?? 0,
    hysteresis: rule.hysteresis ?? 0,
    clear_delay_s: rule.clear_delay_s ?? 0,
    schedule: rule.schedule ?? 'always',
    enabled: rule.enabled ?? true,
    ...scopeOf(rule.scope ?? {}),
  }
}

export const scopeOfDraft = (draft: Draft): Scope =>
  draft.scopeKind === 'organization' ? {} : ({ [draft.scopeKind]: draft.scopeOf } as Scope)

/** The draft as the backend wants it. */
export function bodyOf(draft: Draft): AlertRuleBody {
  const { scopeKind: _kind, scopeOf: _of, threshold, ...rest } = draft
  return {
    ...rest,
    name: draft.name.trim(),
    threshold: hasThreshold(draft.condition) ? threshold : null,
    scope: scopeOfDraft(draft),
  }
}

export interface Wrong {
  threshold?: string
  scope?: string
  delay_s?: string
}

const LONGEST_DELAY = 7 * 86_400

/** What is missing before it can be tried or saved, by field. */
export function wrongWith(draft: Draft): Wrong {
  const wrong: Wrong = {}
  if (hasThreshold(draft.condition) && draft.threshold === null) wrong.threshold = 'Enter a number.'
  if (draft.scopeKind !== 'organization' && draft.scopeOf === '') wrong.scope = 'Choose where it watches.'
  if (draft.delay_s > LONGEST_DELAY) wrong.delay_s = 'At most 7 days.'
  return wrong
}
