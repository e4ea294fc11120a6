import { describe, expect, it } from 'vitest'
import { momentOf, momentOfText, offsetAt, startOf, ticksOf, wallText } from './zone'

const at = (text: string) => Date.parse(text)
const HOUR = 3_600_000
const BERLIN = 'Europe/Berlin'

describe("a place's clock", () => {
  it('is ahead of UTC by whole hours, half hours and quarters', () => {
    expect(offsetAt(at('2026-07-01T12:00:00Z'), BERLIN)).toBe(2 * HOUR)
    expect(offsetAt(at('2026-11-21T12:00:00Z'), 'America/New_York')).toBe(-5 * HOUR)
    expect(offsetAt(at('2026-11-21T12:00:00Z'), 'Asia/Kathmandu')).toBe(5.75 * HOUR)
  })

  it('shows moments as date fields want them, and reads them back', () => {
    const moment = at('2026-11-21T13:05:00Z')
    expect(wallText(moment, BERLIN)).toBe('2026-11-21T14:05')
    expect(momentOfText('2026-11-21T14:05', BERLIN)).toBe(moment)
    expect(momentOfText('2026-11-21', BERLIN)).toBeNaN()
    expect(momentOfText('', BERLIN)).toBeNaN()
  })

  it('takes what it shows twice in autumn for the first time, and what it skips in spring for an hour later', () => {
    expect(momentOf(at('2026-10-25T02:30:00Z'), BERLIN)).toBe(at('2026-10-25T00:30:00Z'))
    expect(momentOf(at('2026-10-25T03:30:00Z'), BERLIN)).toBe(at('2026-10-25T02:30:00Z'))
    expect(momentOf(at('2026-03-29T02:30:00Z'), BERLIN)).toBe(at('2026-03-29T01:30:00Z'))
  })

  it('begins its hours at half past where the zone is half an hour off, and its days at its own midnight', () => {
    expect(startOf('hour', at('2026-11-21T10:10:00Z'), 'Asia/Kolkata')).toBe(at('2026-11-21T09:30:00Z'))
    expect(startOf('hour', at('2026-11-21T10:40:00Z'), 'Asia/Kolkata')).toBe(at('2026-11-21T10:30:00Z'))
    expect(startOf('day', at('2026-11-21T02:00:00Z'), 'America/New_York')).toBe(at('2026-11-20T05:00:00Z'))
  })

  it('has days of 23 and of 25 hours', () => {
    expect(startOf('day', at('2026-03-29T20:00:00Z'), BERLIN)).toBe(at('2026-03-28T23:00:00Z'))
    expect(startOf('day', at('2026-03-30T10:00:00Z'), BERLIN)).toBe(at('2026-03-29T22:00:00Z'))
    expect(startOf('day', at('2026-10-25T22:30:00Z'), BERLIN)).toBe(at('2026-10-24T22:00:00Z'))
    // The hour that comes twice has two beginnings.
    expect(startOf('hour', at('2026-10-25T00:45:00Z'), BERLIN)).toBe(at('2026-10-25T00:00:00Z'))
    expect(startOf('hour', at('2026-10-25T01:45:00Z'), BERLIN)).toBe(at('2026-10-25T01:00:00Z'))
  })
})

describe('the marks of a time axis', () => {
  const words = (from: string, to: string, most: number, zone = BERLIN) =>
    ticksOf(at(from), at(to), most, zone, 'en-GB').map((tick) => tick.words)

  it('stand at round hours of the place, and say the day at midnight', () => {
    expect(words('2026-11-21T10:10:00Z', '2026-11-22T10:10:00Z', 8)).toEqual([
      '12:00',
      '15:00',
      '18:00',
      '21:00',
      'Sun 22',
      '03:00',
      '06:00',
      '09:00',
    ])
    expect(words('2026-11-21T10:00:00Z', '2026-11-21T11:00:00Z', 4)).toEqual([
      '11:00',
      '11:15',
      '11:30',
      '11:45',
      '12:00',
    ])
  })

  it('stand at midnights on both sides of a change of the clocks', () => {
    const ticks = ticksOf(at('2026-10-23T22:00:00Z'), at('2026-10-27T23:00:00Z'), 6, BERLIN, 'en-GB')
    expect(ticks.map((tick) => new Date(tick.at).toISOString().slice(5, 16))).toEqual([
      '10-23T22:00',
      '10-24T22:00',
      '10-25T23:00',
      '10-26T23:00',
      '10-27T23:00',
    ])
  })

  it('stand at Mondays, months and years where more is shown', () => {
    expect(words('2026-10-01T00:00:00Z', '2026-11-21T00:00:00Z', 9)[0]).toBe('5 Oct')
    expect(words('2025-11-21T00:00:00Z', '2026-11-21T00:00:00Z', 7)).toEqual([
      '2026',
      'Mar',
      'May',
      'Jul',
      'Sept',
      'Nov',
    ])
    expect(words('2010-01-01T12:00:00Z', '2026-11-21T00:00:00Z', 9)).toContain('2020')
  })

  it('are never more than a few too many', () => {
    for (const hours of [1, 5, 30, 200, 1000, 9000, 90_000, 230_000]) {
      const to = at('2026-11-21T00:00:00Z')
      const count = ticksOf(to - hours * HOUR, to, 8, BERLIN, 'en-GB').length
      expect(count, `${hours} hours`).toBeGreaterThan(1)
      expect(count, `${hours} hours`).toBeLessThan(11)
    }
  })
})
