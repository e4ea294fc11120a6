import { describe, expect, it } from 'vitest'
import type { Readings } from '@/shared/api/types'
import type { LiveReading } from '@/shared/live'
import { type Series, seriesFrom, summary, table, withReading } from './series'

const NOON = Date.parse('2026-11-21T12:00:00Z')
const MINUTE = 60_000
const point = (at: number, value: number) => ({ at, low: value, mid: value, high: value, count: 1 })
const raw = (...values: [number, number][]): Series => ({
  resolution: 'raw',
  lines: { a: values.map(([minute, value]) => point(NOON + minute * MINUTE, value)) },
})
const reading = (at: number, temperature: number | null, sensor = 'a'): LiveReading => ({
  unit: 'u',
  site: 's',
  sensor,
  recorded_at: new Date(at).toISOString(),
  temperature,
  humidity: null,
})
const same = (celsius: number) => celsius

describe('a series of readings', () => {
  it('has a line for each probe, and leaves out readings without a temperature', () => {
    const results = [reading(NOON, 3), reading(NOON, 4, 'b'), reading(NOON + MINUTE, null)]
    const { lines } = seriesFrom({ resolution: 'raw', results } as unknown as Readings)
    expect(Object.keys(lines)).toEqual(['a', 'b'])
    expect(lines.a).toHaveLength(1)
  })

  it('takes a new reading at its place, a repeated one not at all, and drops what is too old', () => {
    const before = raw([0, 3], [10, 4])
    const late = withReading(before, reading(NOON + 5 * MINUTE, 9), NOON)
    expect(late.lines.a?.map((each) => each.mid)).toEqual([3, 9, 4])
    expect(withReading(late, reading(NOON + 5 * MINUTE, 1), NOON).lines.a).toHaveLength(3)
    const moved = withReading(before, reading(NOON + 20 * MINUTE, 5), NOON + MINUTE)
    expect(moved.lines.a?.map((each) => each.mid)).toEqual([4, 5])
  })

  it('keeps the lowest and the highest of an hour honest as readings come', () => {
    const hours: Series = { resolution: 'hour', lines: { '': [{ at: NOON, low: 2, mid: 3, high: 4, count: 3 }] } }
    const warmer = withReading(hours, reading(NOON + 30 * MINUTE, 7), 0)
    expect(warmer.lines['']).toEqual([{ at: NOON, low: 2, mid: 4, high: 7, count: 4 }])
    const next = withReading(warmer, reading(NOON + 61 * MINUTE, 5), 0)
    expect(next.lines['']?.[1]).toEqual({ at: NOON + 60 * MINUTE, low: 5, mid: 5, high: 5, count: 1 })
  })

  it('breaks the line where nobody measured', () => {
    const { columns } = table(raw([0, 3], [5, 4], [60, 5]), 15 * MINUTE, same)
    expect(columns[0]?.mid).toEqual([3, 4, null, 5])
  })

  it("doesn't break a line at another probe's moments", () => {
    const series = raw([0, 3], [10, 4])
    series.lines.b = [point(NOON + 5 * MINUTE, 8)]
    const { columns } = table(series, 15 * MINUTE, same)
    expect(columns[0]?.mid).toEqual([3, undefined, 4])
  })

  it('is summed up by its lowest and highest, and by an average only where it is known', () => {
    const words = summary(raw([0, 3], [5, 9], [10, -1.5]))
    expect(words).toEqual({
      lowest: { celsius: -1.5, at: NOON + 10 * MINUTE },
      highest: { celsius: 9, at: NOON + 5 * MINUTE },
      average: null,
    })
    const hours = { at: NOON, low: 2, mid: 3, high: 4, count: 3 }
    expect(summary({ resolution: 'hour', lines: { '': [hours, { ...hours, mid: 7, count: 1 }] } })?.average).toBe(4)
    expect(summary({ resolution: 'raw', lines: {} })).toBeNull()
  })
})
