import { expect, it } from 'vitest'
import { clusters } from './clusters'
import { held } from './gestures'
import type { Span } from './limits'

const NOON = Date.parse('2026-11-21T12:00:00Z')
const HOUR = 3_600_000
const DAY = { from: NOON - 24 * HOUR, to: NOON }
const span = (id: string, hoursAgo: number, lasted: number | null, severity: Span['severity'] = 'warning'): Span => ({
  id,
  severity,
  name: 'Too warm',
  from: NOON - hoursAgo * HOUR,
  to: lasted === null ? null : NOON - (hoursAgo - lasted) * HOUR,
})
const seen = (spans: Span[]) => clusters(spans, DAY, 480).map((group) => group.spans.map(({ id }) => id).join(''))

it('has a mark for each alert of the time shown, those that began before and those still on included', () => {
  expect(seen([span('c', 2, null), span('a', 30, 10), span('b', 12, 1), span('x', 30, 1)])).toEqual(['a', 'b', 'c'])
  expect(clusters([span('a', 30, 10)], DAY, 480)[0]?.share).toBe(0)
})

it('has one mark for alerts whose marks would lie on each other, as bad as the worst of them', () => {
  // 480 pixels for a day: an hour is 20 pixels.
  const spans = [span('a', 10, 1), span('b', 9, 1, 'critical'), span('c', 5, 1)]
  expect(seen(spans)).toEqual(['ab', 'c'])
  expect(clusters(spans, DAY, 480)[0]?.worst.id).toBe('b')
  expect(clusters(spans, { from: NOON - 11 * HOUR, to: NOON - 8 * HOUR }, 480)).toHaveLength(2)
})

it('keeps under a finger what was under it', () => {
  const past = { from: NOON - 240 * HOUR, to: NOON - 140 * HOUR }
  const moved = held({ stretch: past, at: [0.5] }, [0.75])
  expect(moved).toEqual({ from: past.from - 25 * HOUR, to: past.to - 25 * HOUR })
  const pinched = held({ stretch: past, at: [0.25, 0.75] }, [0.1, 0.9])
  expect(pinched.to - pinched.from).toBeCloseTo(62.5 * HOUR, -3)
  expect((pinched.from + pinched.to) / 2).toBeCloseTo((past.from + past.to) / 2, -3)
})
