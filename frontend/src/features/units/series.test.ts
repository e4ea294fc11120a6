import { describe, expect, it } from 'vitest'
import type { Readings } from '@/shared/api/types'
import type { LiveReading } from '@/shared/live'
import {
  doorSpans,
  emptySeries,
  joined,
  lonely,
  nearest,
  type Point,
  type Series,
  seriesFrom,
  summary,
  table,
  withReading,
} from './series'

const NOON = Date.parse('2026-11-21T12:00:00Z')
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const GAP = 15 * MINUTE
const RAW = { resolution: 'raw', merged: 1 } as const
const HOURS = { resolution: 'hour', merged: 1 } as const
const DAYS = { resolution: 'day', merged: 1 } as const
const ALWAYS = { from: 0, to: Number.POSITIVE_INFINITY }
const IN_BERLIN = { ...ALWAYS, zone: 'Europe/Berlin' }
const point = (at: number, value: number): Point => ({ at, low: value, mid: value, high: value, count: 1 })
const raw = (...values: [number, number][]): Series => ({
  ...emptySeries(RAW),
  temperature: { a: values.map(([minute, value]) => point(NOON + minute * MINUTE, value)) },
})
const reading = (
  at: number,
  temperature: number | null,
  sensor = 'a',
  humidity: number | null = null,
): LiveReading => ({
  unit: 'u',
  site: 's',
  sensor,
  recorded_at: new Date(at).toISOString(),
  temperature,
  humidity,
})
const drawn = (grain: Series['grain']) => ({
  grain,
  gap: GAP,
  convert: (value: number) => value,
  now: NOON + 1000 * DAY,
})
const answer = (resolution: string, results: unknown[], more = {}) =>
  seriesFrom({ resolution, merged: 1, results, ...more } as unknown as Readings)

describe('a series of readings', () => {
  it('has a line for each probe and measure, and leaves out what was not measured', () => {
    const { temperature, humidity, doors } = answer('raw', [
      { ...reading(NOON, 3, 'a', 80), door_open: true },
      reading(NOON, 4, 'b'),
      reading(NOON + MINUTE, null),
    ])
    expect(Object.keys(temperature)).toEqual(['a', 'b'])
    expect(temperature.a).toHaveLength(1)
    expect(humidity).toEqual({ a: [point(NOON, 80)] })
    expect(doors).toEqual({ a: [{ at: NOON, open: true }] })
  })

  it('keeps lowest, average and highest of buckets, and says from when on the plan shows readings', () => {
    const at = new Date(NOON).toISOString()
    const series = answer('hour', [{ at, min: 1, avg: 2, max: 9, count: 12, humidity_min: null }], { shown_from: at })
    expect(series.temperature['']).toEqual([{ at: NOON, low: 1, mid: 2, high: 9, count: 12 }])
    expect(series.humidity).toEqual({})
    expect(series.shownFrom).toBe(NOON)
  })

  it('is one of several answers, those of several sensors', () => {
    const bucket = (at: number) => ({ at: new Date(at).toISOString(), min: 1, avg: 2, max: 3, count: 1 })
    const of = (line: string, at: number) =>
      seriesFrom({ resolution: 'day', merged: 1, results: [bucket(at)] } as unknown as Readings, line)
    const all = joined([of('a', NOON), of('b', NOON + DAY)])
    expect(all.grain).toEqual(DAYS)
    expect(Object.keys(all.temperature)).toEqual(['a', 'b'])
  })
})

describe('a reading that comes while one looks', () => {
  it('finds its place, a repeated one none, and one outside of what is held neither', () => {
    const before = raw([0, 3], [10, 4])
    const late = withReading(before, reading(NOON + 5 * MINUTE, 9), IN_BERLIN)
    expect(late.temperature.a?.map((each) => each.mid)).toEqual([3, 9, 4])
    expect(withReading(late, reading(NOON + 5 * MINUTE, 1), IN_BERLIN).temperature.a).toHaveLength(3)
    const window = { from: NOON, to: NOON + 15 * MINUTE, zone: undefined }
    expect(withReading(before, reading(NOON + 15 * MINUTE, 5), window)).toBe(before)
    expect(withReading(before, reading(NOON - 1, 5), window)).toBe(before)
  })

  it('keeps the lowest and the highest of an hour honest', () => {
    const hours: Series = {
      ...emptySeries(HOURS),
      temperature: { '': [{ at: NOON, low: 2, mid: 3, high: 4, count: 3 }] },
    }
    const warmer = withReading(hours, reading(NOON + 30 * MINUTE, 7, 'a', 55), IN_BERLIN)
    expect(warmer.temperature['']).toEqual([{ at: NOON, low: 2, mid: 4, high: 7, count: 4 }])
    const next = withReading(warmer, reading(NOON + 61 * MINUTE, 5), IN_BERLIN)
    expect(next.temperature['']?.[1]).toEqual({ at: NOON + HOUR, low: 5, mid: 5, high: 5, count: 1 })
  })

  it("belongs to the site's hour and day", () => {
    const kathmandu = { ...ALWAYS, zone: 'Asia/Kathmandu' }
    const hour = withReading(emptySeries(HOURS), reading(NOON + 20 * MINUTE, 7), kathmandu)
    expect(hour.temperature.a?.[0]?.at).toBe(NOON + 15 * MINUTE)
    const day = withReading(emptySeries(DAYS), reading(NOON, 7), { ...ALWAYS, zone: 'America/New_York' })
    expect(day.temperature.a?.[0]?.at).toBe(Date.parse('2026-11-21T05:00:00Z'))
  })

  it('belongs to the merged bucket that it lies in', () => {
    const three = { resolution: 'hour', merged: 3 } as const
    const merged: Series = { ...emptySeries(three), temperature: { a: [point(NOON, 3)] } }
    const grown = withReading(merged, reading(NOON + 2.5 * HOUR, 8), IN_BERLIN)
    expect(grown.temperature.a).toHaveLength(1)
    expect(grown.temperature.a?.[0]).toMatchObject({ at: NOON, high: 8, count: 2 })
    expect(withReading(grown, reading(NOON + 3 * HOUR, 9), IN_BERLIN).temperature.a).toHaveLength(2)
  })

  it('joins the line of its own sensor where each has one', () => {
    const hours: Series = { ...emptySeries(HOURS), temperature: { a: [point(NOON, 3)], b: [point(NOON, 4)] } }
    const grown = withReading(hours, reading(NOON + MINUTE, 8, 'b'), IN_BERLIN)
    expect(grown.temperature.a).toEqual([point(NOON, 3)])
    expect(grown.temperature.b?.[0]?.high).toBe(8)
  })
})

describe('the lines of a chart', () => {
  it('break where nobody measured, and nowhere else', () => {
    const { columns } = table(raw([0, 3], [15, 4], [31, 5]).temperature, drawn(RAW))
    expect(columns[0]?.mid).toEqual([3, 4, null, 5])
  })

  it("don't break at another probe's moments", () => {
    const lines = { ...raw([0, 3], [10, 4]).temperature, b: [point(NOON + 5 * MINUTE, 8)] }
    expect(table(lines, drawn(RAW)).columns[0]?.mid).toEqual([3, undefined, 4])
  })

  it('break where an hour or a day is missing, but not where the clocks change', () => {
    const at = (...places: number[]) => ({ a: places.map((place) => point(place, 1)) })
    const mid = (lines: Record<string, Point[]>, grain: Series['grain']) => table(lines, drawn(grain)).columns[0]?.mid
    expect(mid(at(NOON, NOON + HOUR, NOON + 3 * HOUR), HOURS)).toEqual([1, 1, null, 1])
    const midnights = ['2026-10-24T22:00Z', '2026-10-25T23:00Z', '2026-10-26T23:00Z', '2026-10-28T23:00Z']
    expect(mid(at(...midnights.map((text) => Date.parse(text))), DAYS)).toEqual([1, 1, 1, null, 1])
  })

  it('stand in the middle of their hour, and at most at now', () => {
    const lines = { a: [point(NOON, 1), point(NOON + HOUR, 2)] }
    const { times, starts } = table(lines, { ...drawn(HOURS), now: NOON + HOUR + 20 * MINUTE })
    expect(times).toEqual([(NOON + 30 * MINUTE) / 1000, (NOON + 70 * MINUTE) / 1000])
    expect(starts).toEqual([NOON, NOON + HOUR])
  })

  it('have a dot where a reading stands alone', () => {
    expect(lonely([1, 2, null, 5, null, 7, undefined, 8, null, 9])).toEqual([3, 9])
    expect(lonely([4])).toEqual([0])
    expect(lonely([])).toEqual([])
  })

  it('are read at a moment by the nearest value of each, as far as it still counts', () => {
    const times = [0, 60, 120, 180, 900]
    const column = [1, undefined, undefined, undefined, 9]
    expect(nearest(column, times, 1, 450)).toBe(1)
    expect(nearest(column, times, 3, 100)).toBeNull()
    expect(nearest(column, times, 4, 450)).toBe(9)
    expect(nearest(column, times, 7, 450)).toBeNull()
  })
})

describe('a stretch, summed up', () => {
  it('has a lowest and a highest, and an average only where it is known', () => {
    const { temperature } = raw([0, 3], [5, 9], [10, -1.5])
    expect(summary(temperature, RAW, ALWAYS)).toEqual({
      lowest: { value: -1.5, at: NOON + 10 * MINUTE },
      highest: { value: 9, at: NOON + 5 * MINUTE },
      average: null,
    })
    const hour = { at: NOON, low: 2, mid: 3, high: 4, count: 3 }
    expect(summary({ '': [hour, { ...hour, mid: 7, count: 1 }] }, HOURS, ALWAYS)?.average).toBe(4)
    expect(summary({}, RAW, ALWAYS)).toBeNull()
  })

  it('is of what is shown, not of what was fetched beside it; an hour that is shown in part counts whole', () => {
    const { temperature } = raw([0, 30], [5, 9], [10, -1.5])
    expect(summary(temperature, RAW, { from: NOON + 5 * MINUTE, to: NOON + 10 * MINUTE })?.lowest.value).toBe(9)
    const hours = { '': [point(NOON, 20), point(NOON + HOUR, 5), point(NOON + 2 * HOUR, 1)] }
    const shown = { from: NOON + 30 * MINUTE, to: NOON + 2 * HOUR }
    expect(summary(hours, HOURS, shown)?.highest.value).toBe(20)
    expect(summary(hours, HOURS, shown)?.lowest.value).toBe(5)
  })
})

describe('an open door', () => {
  const door = (...said: [number, boolean][]) =>
    doorSpans({ a: said.map(([minute, open]) => ({ at: NOON + minute * MINUTE, open })) }, GAP).map(({ from, to }) => [
      (from - NOON) / MINUTE,
      (to - NOON) / MINUTE,
    ])

  it('stands open until it is said to be shut', () => {
    expect(door([0, false], [5, true], [10, true], [15, false], [20, true], [25, false])).toEqual([
      [5, 15],
      [20, 25],
    ])
  })

  it('is known to be open only as long as its contact speaks', () => {
    expect(door([0, true], [5, true], [60, false])).toEqual([[0, 5]])
    expect(door([0, true])).toEqual([[0, 0]])
  })
})
