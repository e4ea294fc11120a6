/** Readings in the shape of a chart: the one place that knows raw from aggregated. Pure functions. */

import type { Readings } from '@/shared/api/types'
import type { LiveReading } from '@/shared/live'

export interface Point {
  /** Milliseconds. */
  at: number
  low: number
  mid: number
  high: number
  count: number
}

/** One line a probe where readings are raw; one line, with its lowest and highest, where they are aggregated. */
export interface Series {
  resolution: 'raw' | 'hour' | 'day'
  /** By sensor id, or '' for aggregated values of the whole unit. Ascending. */
  lines: Record<string, Point[]>
}

export function seriesFrom(readings: Readings): Series {
  const lines: Record<string, Point[]> = {}
  for (const result of readings.results) {
    if ('recorded_at' in result) {
      if (result.temperature === null || result.temperature === undefined) continue
      const value = result.temperature
      add(lines, result.sensor, { at: Date.parse(result.recorded_at), low: value, mid: value, high: value, count: 1 })
    } else if (result.min !== null && result.max !== null && result.avg !== null) {
      const { min, avg, max, count } = result
      add(lines, '', { at: Date.parse(result.at), low: min, mid: avg, high: max, count })
    }
  }
  return { resolution: readings.resolution, lines }
}

function add(lines: Record<string, Point[]>, line: string, point: Point): void {
  const points = lines[line]
  if (points) points.push(point)
  else lines[line] = [point]
}

const HOUR = 3_600_000

/** The series with a reading that has just come. Late and repeated ones find their place. */
export function withReading(series: Series, reading: LiveReading, since: number): Series {
  if (reading.temperature === null) return series
  const at = Date.parse(reading.recorded_at)
  if (at < since) return series
  const value = reading.temperature
  const point = { at, low: value, mid: value, high: value, count: 1 }
  if (series.resolution === 'raw') {
    const line = insert(series.lines[reading.sensor] ?? [], point).filter((each) => each.at >= since)
    return { ...series, lines: { ...series.lines, [reading.sensor]: line } }
  }
  // A day's bucket begins at the site's midnight, which the server knows; the next fetch brings it.
  if (series.resolution === 'day') return series
  const line = mergeIntoHour(series.lines[''] ?? [], point)
  return { ...series, lines: { ...series.lines, '': line } }
}

function insert(line: Point[], point: Point): Point[] {
  let place = line.length
  while (place > 0 && (line[place - 1] as Point).at > point.at) place -= 1
  if (place > 0 && line[place - 1]?.at === point.at) return line
  return [...line.slice(0, place), point, ...line.slice(place)]
}

function mergeIntoHour(line: Point[], point: Point): Point[] {
  const hour = Math.floor(point.at / HOUR) * HOUR
  const place = line.findIndex((bucket) => bucket.at === hour)
  if (place === -1) return insert(line, { ...point, at: hour })
  const bucket = line[place] as Point
  const count = bucket.count + 1
  const merged = {
    at: hour,
    low: Math.min(bucket.low, point.low),
    mid: (bucket.mid * bucket.count + point.mid) / count,
    high: Math.max(bucket.high, point.high),
    count,
  }
  return line.with(place, merged)
}

export interface Summary {
  lowest: { celsius: number; at: number }
  highest: { celsius: number; at: number }
  /** Of aggregated values only: raw readings may have been thinned to their extremes. */
  average: number | null
}

/** Lowest and highest of what the chart shows, and the average where it is known. */
export function summary(series: Series): Summary | null {
  let lowest: Summary['lowest'] | undefined
  let highest: Summary['highest'] | undefined
  let sum = 0
  let count = 0
  for (const point of Object.values(series.lines).flat()) {
    if (!lowest || point.low < lowest.celsius) lowest = { celsius: point.low, at: point.at }
    if (!highest || point.high > highest.celsius) highest = { celsius: point.high, at: point.at }
    sum += point.mid * point.count
    count += point.count
  }
  return lowest && highest ? { lowest, highest, average: series.resolution === 'raw' ? null : sum / count } : null
}

/** A column of a chart: null breaks the line, undefined is no point of this line. */
export type Column = (number | null | undefined)[]

export interface Table {
  /** Seconds. */
  times: number[]
  columns: { line: string; low: Column; mid: Column; high: Column }[]
}

/** Lines beside each other on common times. A silence longer than `gap` (ms) breaks a line: nobody measured there. */
export function table(series: Series, gap: number, convert: (celsius: number) => number): Table {
  const breakAfter = series.resolution === 'raw' ? gap : series.resolution === 'hour' ? HOUR : 25 * HOUR
  const entries = Object.entries(series.lines)
  const moments = new Set<number>()
  const breaks = new Map<string, Set<number>>()
  for (const [line, points] of entries) {
    const own = new Set<number>()
    points.forEach((point, index) => {
      const before = points[index - 1]
      if (before && point.at - before.at > breakAfter) {
        own.add(before.at + 1)
        moments.add(before.at + 1)
      }
      moments.add(point.at)
    })
    breaks.set(line, own)
  }
  const times = [...moments].sort((a, b) => a - b)
  const columns = entries.map(([line, points]) => {
    const byTime = new Map(points.map((point) => [point.at, point]))
    const column = (read: (point: Point) => number): Column =>
      times.map((at) => {
        const point = byTime.get(at)
        if (point) return convert(read(point))
        return breaks.get(line)?.has(at) ? null : undefined
      })
    return { line, low: column((p) => p.low), mid: column((p) => p.mid), high: column((p) => p.high) }
  })
  return { times: times.map((at) => at / 1000), columns }
}
