import { expect, it } from 'vitest'
import { nextMorning, offers, wrongWith } from './snoozing'

const at = (words: string) => Date.parse(words)

it('means eight in the morning on the clock of the site', () => {
  expect(nextMorning(at('2026-11-21T15:00:00Z'), 'Europe/Berlin')).toBe(at('2026-11-22T07:00:00Z'))
  expect(nextMorning(at('2026-11-21T15:00:00Z'), 'America/New_York')).toBe(at('2026-11-22T13:00:00Z'))
})

it('means the same day for somebody who is woken in the night', () => {
  expect(nextMorning(at('2026-11-21T01:00:00Z'), 'Europe/Berlin')).toBe(at('2026-11-21T07:00:00Z'))
  expect(offers(at('2026-11-21T01:00:00Z'), 'Europe/Berlin').map(({ words }) => words)).toContain('This morning, 8:00')
})

it('keeps to the clock over the night in which it changes', () => {
  expect(nextMorning(at('2026-10-24T15:00:00Z'), 'Europe/Berlin')).toBe(at('2026-10-25T07:00:00Z'))
})

it('always ends, within a week', () => {
  const now = at('2026-11-21T15:00:00Z')
  expect(wrongWith(now + 60_000, now)).toBeNull()
  expect(wrongWith(now - 1, now)).toMatch(/passed/)
  expect(wrongWith(now + 8 * 86_400_000, now)).toMatch(/7 days/)
  expect(wrongWith(Number.NaN, now)).toMatch(/date/)
})
