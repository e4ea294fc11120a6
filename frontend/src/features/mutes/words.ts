/** What a mute is about, in words. Pure functions. */

import type { Alert, AlertRule, Mute, Site, Unit } from '@/shared/api/types'

/** What mutes can be about: handed in by the app, since units and rules belong to other features. */
export interface Subjects {
  sites: Site[]
  units: Unit[]
  rules: AlertRule[]
}

/** What it keeps quiet: "Counter fridge", "Harbour Street Kitchen", "the rule “Too warm”", "everything". */
export function subjectWords(mute: Pick<Mute, 'site' | 'unit' | 'rule'>, { sites, units, rules }: Subjects): string {
  if (mute.unit) return units.find(({ id }) => id === mute.unit)?.name ?? 'a unit'
  if (mute.site) return sites.find(({ id }) => id === mute.site)?.name ?? 'a site'
  if (mute.rule) {
    const name = rules.find(({ id }) => id === mute.rule)?.name
    return name ? `the rule “${name}”` : 'a rule'
  }
  return 'the whole organization'
}

export const isNow = (mute: Pick<Mute, 'starts_at' | 'ends_at'>, now: number): boolean =>
  Date.parse(mute.starts_at) <= now && now < Date.parse(mute.ends_at)

/** Whether a mute keeps every alert of a unit quiet. */
export const coversUnit = (mute: Mute, unit: Pick<Unit, 'id' | 'site'>): boolean =>
  mute.rule === null && (mute.unit === null || mute.unit === unit.id) && (mute.site === null || mute.site === unit.site)

/** Whether a mute keeps this alert quiet. */
export const coversAlert = (mute: Mute, alert: Pick<Alert, 'unit' | 'site' | 'rule'>): boolean =>
  (mute.unit === null || mute.unit === alert.unit) &&
  (mute.site === null || mute.site === alert.site) &&
  (mute.rule === null || mute.rule === alert.rule)

/** "kept 3 alerts quiet" */
export function silencedWords({ silenced }: Pick<Mute, 'silenced'>): string {
  if (silenced === 0) return 'kept nothing quiet'
  return silenced === 1 ? 'kept 1 alert quiet' : `kept ${silenced} alerts quiet`
}
