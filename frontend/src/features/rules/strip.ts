/** Incidents on a time axis: a row a unit, what a rule would have opened above what did open. Pure. */

import type { HappenedAlert, PreviewIncident, RulePreview } from '@/shared/api/types'

export interface Bar {
  key: string
  /** Shares of the axis, from 0 to 1. */
  start: number
  end: number
  from: number
  /** null: still on at its end. */
  to: number | null
}

export interface Row {
  unit: string
  name: string
  would: (Bar & { incident: PreviewIncident })[]
  did: (Bar & { alert: HappenedAlert })[]
}

interface Axis {
  from: number
  to: number
}

function place(from: string, until: string | null, axis: Axis): Omit<Bar, 'key'> {
  const start = Date.parse(from)
  const end = until === null ? null : Date.parse(until)
  const share = (at: number) => Math.min(Math.max((at - axis.from) / (axis.to - axis.from), 0), 1)
  return { start: share(start), end: share(end ?? axis.to), from: start, to: end }
}

/** A row for each unit with something to show, those with most first. */
export function rowsOf(
  preview: Pick<RulePreview, 'incidents' | 'happened'>,
  axis: Axis,
  nameOf: (unit: string) => string,
): Row[] {
  const rows = new Map<string, Row>()
  const row = (unit: string, name: string): Row => {
    const found = rows.get(unit) ?? { unit, name, would: [], did: [] }
    rows.set(unit, found)
    return found
  }
  for (const incident of preview.incidents) {
    const bar = place(incident.started_at, incident.resolved_at, axis)
    const key = `${incident.unit} ${incident.opened_at}`
    row(incident.unit, incident.unit_name || nameOf(incident.unit)).would.push({ key, ...bar, incident })
  }
  for (const alert of preview.happened) {
    const bar = place(alert.opened_at, alert.resolved_at, axis)
    row(alert.unit, nameOf(alert.unit)).did.push({ key: alert.id, ...bar, alert })
  }
  const weight = ({ would, did }: Row) => would.length + did.length
  return [...rows.values()].sort((a, b) => weight(b) - weight(a) || a.name.localeCompare(b.name))
}

/** "none", "about 1 a week", "about 3 a day": what people would have to live with. */
export function oftenWords(count: number, days: number): string {
  if (count === 0) return 'none'
  const daily = count / days
  if (daily >= 1) return `about ${Math.round(daily)} a day`
  if (daily * 7 >= 1) return `about ${Math.round(daily * 7)} a week`
  return 'fewer than one a week'
}
