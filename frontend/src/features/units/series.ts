/** Readings in the shape of a chart: the one place that knows raw from aggregated. Pure functions. */

import type { Readings } from '@/shared/api/types'
import type { LiveReading } from '@/shared/live'
import { DAY, HOUR, startOf } from '@/shared/zone'
import type { Grain, Stretch } from './range'

export interface Point {
  /** Milliseconds; of a bucket its start. */
  at: number
  low: number
  mid: number
  high: number
  count: number
}

/** Points by line, ascending: a line is a sensor, or '' where a unit's sensors are summed up together. */
export type Lines = Record<string, Point[]>

export type Measure = 'temperature' | 'humidity'

export interface Series extends Record<Measure, Lines> {
  grain: Grain
  /** What door contacts said, by line; only raw readings tell. */
  doors: Record<string, { at: number; open: boolean }[]>
  /** The plan shows readings from here on; null: all there are. */
  shownFrom: number | null
}

export const emptySeries = (grain: Grain): Series => ({
  grain,
  temperature: {},
  humidity: {},
  doors: {},
  shownFrom: null,
})

/** What the server answered. `line`: whose buckets these are. */
export function seriesFrom(readings: Readings, line = ''): Series {
  const { resolution, merged } = readings
  const series = emptySeries({ resolution, merged })
  series.shownFrom = readings.shown_from ? Date.parse(readings.shown_from) : null
  for (const result of readings.results) {
    if ('recorded_at' in result) {
      const { sensor, temperature, humidity, door_open } = result
      const at = Date.parse(result.recorded_at)
      if (isNumber(temperature)) add(series.temperature, sensor, single(at, temperature))
      if (isNumber(humidity)) add(series.humidity, sensor, single(at, humidity))
      if (typeof door_open === 'boolean') add(series.doors, sensor, { at, open: door_open })
    } else {
      const at = Date.parse(result.at)
      const { min, avg, max, count, humidity_min, humidity_avg, humidity_max } = result
      if (isNumber(min) && isNumber(avg) && isNumber(max))
        add(series.temperature, line, { at, low: min, mid: avg, high: max, count })
      if (isNumber(humidity_min) && isNumber(humidity_avg) && isNumber(humidity_max))
        add(series.humidity, line, { at, low: humidity_min, mid: humidity_avg, high: humidity_max, count })
    }
  }
  return series
}

const isNumber = (value: unknown): value is number => typeof value === 'number'
const single = (at: number, value: number): Point => ({ at, low: value, mid: value, high: value, count: 1 })

function add<T>(lines: Record<string, T[]>, line: string, point: T): void {
  const points = lines[line]
  if (points) points.push(point)
  else lines[line] = [point]
}

/** Several answers as one: those of a unit's sensors. */
export function joined(series: Series[]): Series {
  const [first] = series
  const all = emptySeries({
    resolution: first?.grain.resolution ?? 'raw',
    merged: Math.max(1, ...series.map((each) => each.grain.merged)),
  })
  for (const each of series) {
    for (const kind of ['temperature', 'humidity', 'doors'] as const) {
      for (const [line, points] of Object.entries(each[kind])) {
        for (const point of points) add<unknown>(all[kind], line, point)
      }
    }
    all.shownFrom ??= each.shownFrom
  }
  return all
}

interface Growing extends Stretch {
  zone: string | undefined
}

/** The series with a reading that has just come, if it lies within. Late and repeated ones find their place. */
export function withReading(series: Series, reading: LiveReading, { from, to, zone }: Growing): Series {
  const at = Date.parse(reading.recorded_at)
  if (at < from || at >= to) return series
  const grown = { ...series }
  for (const measure of ['temperature', 'humidity'] as const) {
    const value = reading[measure]
    if (value === null) continue
    const lines = series[measure]
    const isTogether = series.grain.resolution !== 'raw' && !(reading.sensor in lines) && '' in lines
    const line = isTogether ? '' : reading.sensor
    const points = lines[line] ?? []
    const point = single(at, value)
    grown[measure] = {
      ...lines,
      [line]: series.grain.resolution === 'raw' ? insert(points, point) : merge(points, point, series.grain, zone),
    }
  }
  return grown
}

function insert(line: Point[], point: Point): Point[] {
  let place = line.length
  while (place > 0 && (line[place - 1] as Point).at > point.at) place -= 1
  if (place > 0 && line[place - 1]?.at === point.at) return line
  return [...line.slice(0, place), point, ...line.slice(place)]
}

function merge(line: Point[], point: Point, grain: Grain, zone: string | undefined): Point[] {
  const start = startOf(grain.resolution === 'day' ? 'day' : 'hour', point.at, zone)
  // Of merged buckets only the server knows where each begins: it belongs to the one that it lies in.
  const isOwn = (bucket: Point) => (grain.merged === 1 ? bucket.at === start : isWithin(point.at, bucket.at, grain))
  const place = line.findLastIndex(isOwn)
  if (place === -1) return insert(line, { ...point, at: start })
  const bucket = line[place] as Point
  const count = bucket.count + 1
  return line.with(place, {
    at: bucket.at,
    low: Math.min(bucket.low, point.low),
    mid: (bucket.mid * bucket.count + point.mid) / count,
    high: Math.max(bucket.high, point.high),
    count,
  })
}

const isWithin = (at: number, start: number, grain: Grain): boolean => at >= start && at < start + lengthOf(grain)

/** How long a bucket is, in ms; 0: a raw reading. (Days of 23 and 25 hours are drawn as if they had 24.) */
export const lengthOf = ({ resolution, merged }: Grain): number =>
  ({ raw: 0, hour: HOUR, day: DAY })[resolution] * merged

/** What of a line lies within a stretch, whole buckets included. */
export function within(points: Point[], { from, to }: Stretch, grain: Grain): Point[] {
  const length = lengthOf(grain)
  return points.filter(({ at }) => at + length > from - (length ? 0 : 1) && at < to)
}

export interface Summary {
  lowest: { value: number; at: number }
  highest: { value: number; at: number }
  /** Of aggregated values only: raw readings may have been thinned to their extremes. */
  average: number | null
}

/** Lowest and highest within a stretch, and the average where it is known; null: nothing was measured. */
export function summary(lines: Lines, grain: Grain, stretch: Stretch): Summary | null {
  let lowest: Summary['lowest'] | undefined
  let highest: Summary['highest'] | undefined
  let sum = 0
  let count = 0
  for (const point of Object.values(lines).flatMap((line) => within(line, stretch, grain))) {
    if (!lowest || point.low < lowest.value) lowest = { value: point.low, at: point.at }
    if (!highest || point.high > highest.value) highest = { value: point.high, at: point.at }
    sum += point.mid * point.count
    count += point.count
  }
  return lowest && highest ? { lowest, highest, average: grain.resolution === 'raw' ? null : sum / count } : null
}

/** A silence longer than this breaks a line: nobody measured there. Buckets follow each other without one missing. */
export function breakAfter(grain: Grain, gap: number): number {
  // Where clocks change, an hour may be followed by one that is half an hour longer, and a day may have 25 hours.
  return Math.max(1.5 * lengthOf(grain), gap)
}

/** Stretches in which a door stood open. A contact that falls silent says nothing after `gap`. */
export function doorSpans(doors: Series['doors'], gap: number): Stretch[] {
  return Object.values(doors).flatMap((said) =>
    said.flatMap(({ at, open }, index) => {
      if (!open || said[index - 1]?.open) return []
      let last = index
      while (said[last + 1]?.open && (said[last + 1]?.at ?? 0) - (said[last]?.at ?? 0) <= gap) last += 1
      const end = said[last + 1]
      const until = end && end.at - (said[last]?.at ?? 0) <= gap ? end.at : (said[last]?.at ?? at)
      return [{ from: at, to: until }]
    }),
  )
}

/** A column of a chart: null breaks the line, undefined is no point of this line. */
export type Column = (number | null | undefined)[]

export interface Table {
  /** Seconds: where a point is drawn, of a bucket its middle. */
  times: number[]
  /** Milliseconds: what a point is about, of a bucket its start. */
  starts: number[]
  columns: { line: string; low: Column; mid: Column; high: Column }[]
}

interface Drawn {
  grain: Grain
  /** In ms. */
  gap: number
  convert: (value: number) => number
  /** A bucket that isn't over yet ends here. */
  now: number
}

/** Lines beside each other on common times. */
export function table(lines: Lines, { grain, gap, convert, now }: Drawn): Table {
  const silence = breakAfter(grain, gap)
  const entries = Object.entries(lines)
  const moments = new Set<number>()
  const breaks = new Map<string, Set<number>>()
  for (const [line, points] of entries) {
    const own = new Set<number>()
    points.forEach((point, index) => {
      const before = points[index - 1]
      if (before && point.at - before.at > silence) {
        own.add(before.at + 1)
        moments.add(before.at + 1)
      }
      moments.add(point.at)
    })
    breaks.set(line, own)
  }
  const starts = [...moments].sort((a, b) => a - b)
  const columns = entries.map(([line, points]) => {
    const byTime = new Map(points.map((point) => [point.at, point]))
    const column = (read: (point: Point) => number): Column =>
      starts.map((at) => {
        const point = byTime.get(at)
        if (point) return convert(read(point))
        return breaks.get(line)?.has(at) ? null : undefined
      })
    return { line, low: column((p) => p.low), mid: column((p) => p.mid), high: column((p) => p.high) }
  })
  const length = lengthOf(grain)
  const times = starts.map((at) => (at + Math.max(0, Math.min(length, now - at)) / 2) / 1000)
  return { times, starts, columns }
}

/** Indices of points that no line reaches, since nothing was measured before and after: they are drawn as dots. */
export function lonely(column: Column): number[] {
  const found: number[] = []
  let before: number | null = null
  let candidate = -1
  column.forEach((value, index) => {
    if (value === undefined) return
    if (value === null) {
      if (candidate >= 0) found.push(candidate)
      candidate = -1
    } else candidate = before === null ? index : -1
    before = value
  })
  if (candidate >= 0) found.push(candidate)
  return found
}

/** The value of a line at an index, or the nearest of its own within `reach` places' time. */
export function nearest(column: Column, times: number[], index: number, reach: number): number | null {
  const here = times[index]
  if (here === undefined) return null
  for (let step = 0; step < times.length; step += 1) {
    const [left, right] = [index - step, index + step]
    const [before, after] = [times[left], times[right]]
    const isOut = (time: number | undefined) => time === undefined || Math.abs(time - here) > reach
    if (isOut(before) && isOut(after)) return null
    for (const [place, time] of [
      [left, before],
      [right, after],
    ] as const) {
      const value = column[place]
      if (typeof value === 'number' && !isOut(time)) return value
    }
  }
  return null
}
