import { expect, it } from 'vitest'
import { age, duration, moment, temperature, zoneNote } from './units'

const plain = (words: string) => words.replaceAll('\u202f', ' ').replaceAll('\u2212', '-')

it('writes temperatures with one decimal in the scale of the reader', () => {
  expect(plain(temperature(4.04, 'C'))).toBe('4.0 °C')
  expect(plain(temperature(-18.25, 'F'))).toBe('-0.9 °F')
  expect(plain(temperature(-0.04, 'C'))).toBe('0.0 °C')
  expect(temperature(null, 'C')).toBe('–')
})

it('writes ages coarser the older something is', () => {
  const words = [500, 42_000, 5 * 60_000, 3 * 3_600_000, 50 * 3_600_000].map((ms) => plain(age(ms)))
  expect(words).toEqual(['just now', '42 s ago', '5 min ago', '3 h ago', '2 days ago'])
})

it('writes lengths of time in two parts at most', () => {
  const words = [40_000, 25 * 60_000, 80 * 60_000, 3_600_000, 76 * 3_600_000].map((ms) => plain(duration(ms)))
  expect(words).toEqual(['40 s', '25 min', '1 h 20 min', '1 h', '3 d 4 h'])
})

it("writes moments in a site's own time, and says when that isn't the reader's", () => {
  const at = '2026-11-21T13:05:00Z'
  expect(moment(at, 'Asia/Tokyo')).toContain('10:05')
  expect(zoneNote('Asia/Tokyo', Date.parse(at))).toBe('GMT+9')
  expect(zoneNote(Intl.DateTimeFormat().resolvedOptions().timeZone, Date.parse(at))).toBeNull()
})
