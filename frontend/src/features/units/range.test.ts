import { describe, expect, it } from 'vitest'
import {
  bounded,
  FIRST_MOMENT,
  longestSilence,
  MAX_POINTS,
  moved,
  resolutionOf,
  SHORTEST,
  searchOf,
  stretchOf,
  viewOf,
  viewSearchOf,
  windowOf,
  zoomed,
} from './range'

const NOW = Date.parse('2026-11-21T12:00:00Z')
const HOUR = 3_600_000
const DAY = 24 * HOUR
const last = (ms: number) => ({ from: NOW - ms, to: NOW })
const GAP = longestSilence([300])

describe('the time shown, in the address', () => {
  it('is a preset, and the usual one needs no words', () => {
    expect(searchOf({ preset: '24h' })).toEqual({ range: undefined })
    expect(searchOf({ preset: '1y' })).toEqual({ range: '1y' })
    expect(viewOf(viewSearchOf({ range: '90d' }))).toEqual({ preset: '90d' })
    expect(viewOf(viewSearchOf({}))).toEqual({ preset: '24h' })
  })

  it('is an own stretch to the second, the same for everybody who opens it', () => {
    const view = { from: NOW - 90_500, to: NOW }
    const search = searchOf(view)
    expect(search).toEqual({ from: '2026-11-21T11:58:30Z', to: '2026-11-21T12:00:00Z' })
    expect(viewOf(viewSearchOf({ ...search, as: 'table' }))).toEqual({ from: NOW - 90_000, to: NOW })
  })

  it('forgets what makes no sense', () => {
    for (const search of [
      { range: '6h' },
      { range: 7 },
      { from: '2026-11-21T11:00:00Z' },
      { from: '2026-11-21T11:00:00Z', to: '2026-11-21T10:00:00Z' },
      { from: 'yesterday', to: 'today' },
      { from: '1999-01-01T00:00:00Z', to: '2026-11-21T10:00:00Z' },
      { as: 'song' },
    ])
      expect(viewSearchOf(search)).toEqual({ range: undefined, as: undefined })
  })
})

describe('the stretch of a view', () => {
  it('ends now and moves along for a preset, and stays for an own one', () => {
    expect(stretchOf({ preset: '7d' }, NOW, undefined)).toEqual(last(7 * DAY))
    expect(stretchOf(last(HOUR), NOW + DAY, undefined)).toEqual(last(HOUR))
  })

  it('begins with the first reading for everything, as soon as that is known', () => {
    const { from, to } = stretchOf({ preset: 'all' }, NOW, NOW - 100 * DAY)
    expect([from, to]).toEqual([NOW - 101 * DAY, NOW])
    expect(stretchOf({ preset: 'all' }, NOW, NOW - 1).from).toBeLessThanOrEqual(NOW - HOUR)
  })
})

describe('moving and zooming', () => {
  it('keeps the point that it is about where it is', () => {
    const around = NOW - 6 * HOUR
    const closer = zoomed(last(24 * HOUR), 0.5, around, NOW)
    expect(closer).toEqual({ from: around - 9 * HOUR, to: around + 3 * HOUR })
    const far = { from: NOW - 20 * DAY, to: NOW - 10 * DAY }
    expect(zoomed(zoomed(far, 0.25, NOW - 12 * DAY, NOW), 4, NOW - 12 * DAY, NOW)).toEqual(far)
  })

  it('never shows the future, what lies before the year 2000, or less than ten minutes', () => {
    expect(moved(last(HOUR), 0.5, NOW)).toEqual(last(HOUR))
    expect(zoomed(last(DAY), 1e9, NOW, NOW)).toEqual({ from: FIRST_MOMENT, to: NOW })
    const close = zoomed(last(HOUR), 1e-9, NOW - 20 * 60_000, NOW)
    expect(close.to - close.from).toBe(SHORTEST)
    expect(close.from).toBeLessThan(NOW - 20 * 60_000)
    expect(close.to).toBeGreaterThan(NOW - 20 * 60_000)
    expect(bounded({ from: NOW - 1000, to: NOW - 500 }, NOW).to).toBeLessThanOrEqual(NOW)
  })

  it('moves by shares of what is shown', () => {
    expect(moved(last(DAY), -0.5, NOW)).toEqual({ from: NOW - 1.5 * DAY, to: NOW - 0.5 * DAY })
  })
})

describe('what is fetched', () => {
  it('is raw when near, hours when farther, days when far', () => {
    const resolution = (ms: number) => windowOf(last(ms), GAP, NOW).resolution
    expect(resolution(HOUR)).toBe('raw')
    expect(resolution(24 * HOUR)).toBe('raw')
    expect(resolution(7 * DAY)).toBe('hour')
    expect(resolution(30 * DAY)).toBe('hour')
    expect(resolution(90 * DAY)).toBe('hour')
    expect(resolution(365 * DAY)).toBe('day')
    expect(resolution(3650 * DAY)).toBe('day')
  })

  it('stays raw for longer where sensors report less often', () => {
    expect(windowOf(last(7 * DAY), longestSilence([3600]), NOW).resolution).toBe('raw')
  })

  it('never thins raw readings so far that the thinning looks like gaps', () => {
    for (const interval of [10, 60, 300, 900, 3600]) {
      const gap = longestSilence([interval])
      let span = HOUR
      while (resolutionOf(span, gap) === 'raw') span *= 1.1
      // Each of 1000 parts keeps two readings: those of neighbours are at most two parts apart.
      expect((2 * (span / 1.1)) / (MAX_POINTS / 2)).toBeLessThan(gap)
    }
  })

  it('never merges so many hours that days would say as much', () => {
    for (let span = HOUR; span < 4000 * DAY; span *= 1.3) {
      const window = windowOf(last(span), GAP, NOW)
      if (window.resolution === 'hour') expect((window.to - window.from) / HOUR).toBeLessThanOrEqual(4 * MAX_POINTS)
    }
  })

  it('holds what is shown and some room beside it, on a grid that a small move stays on', () => {
    const shown = { from: NOW - 40 * DAY, to: NOW - 39 * DAY }
    const window = windowOf(shown, GAP, NOW)
    expect(window.from).toBeLessThanOrEqual(shown.from - DAY / 4)
    expect(window.to).toBeGreaterThanOrEqual(shown.to + DAY / 4)
    expect(window.to - window.from).toBeLessThanOrEqual(2 * DAY)
    const steps = new Set<string>()
    for (let share = 0; share < 1; share += 0.05)
      steps.add(JSON.stringify(windowOf(moved(shown, share, NOW), GAP, NOW)))
    expect(steps.size).toBeLessThan(12)
  })

  it('reaches a bit into the future where the present is shown: what comes next has its place', () => {
    const window = windowOf(last(HOUR), GAP, NOW)
    expect(window.to).toBeGreaterThan(NOW + 10 * 60_000 - 1)
    expect(windowOf(last(3650 * DAY), GAP, NOW).from).toBeGreaterThanOrEqual(FIRST_MOMENT)
  })

  it('calls it a silence after a quarter of an hour, or three intervals of the slowest sensor', () => {
    expect(longestSilence([])).toBe(900_000)
    expect(longestSilence([60, 300])).toBe(900_000)
    expect(longestSilence([60, 3600])).toBe(10_800_000)
  })
})
