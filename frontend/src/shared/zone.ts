/** A place's own clock: what it shows at a moment, and when its hours and days begin. Milliseconds; pure functions. */

const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

const clocks = new Map<string | undefined, Intl.DateTimeFormat>()

function clockOf(zone: string | undefined): Intl.DateTimeFormat {
  let clock = clocks.get(zone)
  if (!clock) {
    clock = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    clocks.set(zone, clock)
  }
  return clock
}

/** How far a place's clock is ahead of UTC. Without a zone: the reader's clock. */
export function offsetAt(at: number, zone: string | undefined): number {
  const shown: Record<string, number> = {}
  for (const { type, value } of clockOf(zone).formatToParts(at)) shown[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000
}

/** What the clock shows, as if it were UTC: read it with the getUTC… methods. */
export const wallOf = (at: number, zone: string | undefined): number => at + offsetAt(at, zone)

/**
 * The moment at which the clock shows `wall`. What it shows twice (clocks set back) is the first time; what it never
 * shows (clocks set forward) is as long after the jump as it is after the jump's start.
 */
export function momentOf(wall: number, zone: string | undefined): number {
  // The offsets a day before and after are the only two that can hold.
  const before = wall - offsetAt(wall - DAY, zone)
  const after = wall - offsetAt(wall + DAY, zone)
  if (wallOf(before, zone) === wall) return wallOf(after, zone) === wall ? Math.min(before, after) : before
  return wallOf(after, zone) === wall ? after : before
}

/** When the hour or the day of `at` began on the place's clock. Hours of India begin at half past UTC's. */
export function startOf(unit: 'hour' | 'day', at: number, zone: string | undefined): number {
  const wall = wallOf(at, zone)
  return unit === 'hour' ? at - (wall % HOUR) : momentOf(wall - (wall % DAY), zone)
}

/** "2026-11-21T14:05", as fields for dates and times want it. */
export const wallText = (at: number, zone: string | undefined): string =>
  new Date(wallOf(at, zone)).toISOString().slice(0, 16)

/** The moment of "2026-11-21T14:05" on the place's clock; NaN if that is no date. */
export function momentOfText(text: string, zone: string | undefined): number {
  const wall = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(text) ? Date.parse(`${text.slice(0, 16)}:00Z`) : Number.NaN
  return Number.isNaN(wall) ? wall : momentOf(wall, zone)
}

export interface Tick {
  at: number
  words: string
  /** Where a new day, month or year begins. */
  strong: boolean
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720].map((minutes) => minutes * MINUTE)
const DAY_STEPS = [1, 2, 3, 7, 14].map((days) => days * DAY)
const MONTH_STEPS = [1, 2, 3, 6, 12, 24, 60, 120]

/** Marks of a time axis at round moments of the place's clock, at most `most` of them. */
export function ticksOf(from: number, to: number, most: number, zone: string | undefined, locale: string): Tick[] {
  const span = (to - from) / Math.max(1, most)
  const step = STEPS.find((each) => each >= span)
  if (step) return worded(everyStep(from, to, step, zone), zone, locale, step)
  const days = DAY_STEPS.find((each) => each >= span)
  if (days) return worded(everyStep(from, to, days, zone), zone, locale, days)
  const months = MONTH_STEPS.find((each) => each * 28 * DAY >= span) ?? 120
  return everyMonths(from, to, months, zone).map((at) => monthTick(at, months, zone, locale))
}

/** Thursday, 1 January 1970 plus four days: weeks begin on Monday. */
const MONDAY = 4 * DAY

function everyStep(from: number, to: number, step: number, zone: string | undefined): number[] {
  const anchor = step >= 7 * DAY ? MONDAY : 0
  const first = Math.ceil((wallOf(from, zone) - anchor) / step) * step + anchor
  const found: number[] = []
  for (let wall = first; wall <= wallOf(to, zone); wall += step) {
    const at = momentOf(wall, zone)
    if (at >= from && at <= to && at !== found.at(-1)) found.push(at)
  }
  return found
}

function everyMonths(from: number, to: number, months: number, zone: string | undefined): number[] {
  const wall = new Date(wallOf(from, zone))
  let month = Math.floor((wall.getUTCFullYear() * 12 + wall.getUTCMonth()) / months) * months
  const found: number[] = []
  for (;;) {
    const at = momentOf(Date.UTC(Math.floor(month / 12), month % 12, 1), zone)
    if (at > to) return found
    if (at >= from) found.push(at)
    month += months
  }
}

function worded(moments: number[], zone: string | undefined, locale: string, step: number): Tick[] {
  const time = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', timeZone: zone })
  const day = new Intl.DateTimeFormat(locale, { weekday: 'short', day: 'numeric', timeZone: zone })
  const date = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', timeZone: zone })
  return moments.map((at) => {
    const wall = new Date(wallOf(at, zone))
    const midnight = wall.getUTCHours() === 0 && wall.getUTCMinutes() === 0
    if (step >= 7 * DAY) return { at, words: date.format(at), strong: wall.getUTCDate() <= step / DAY }
    if (step >= DAY) {
      const first = wall.getUTCDate() === 1
      return { at, words: (first || step > DAY ? date : day).format(at), strong: first }
    }
    return { at, words: (midnight ? day : time).format(at), strong: midnight }
  })
}

function monthTick(at: number, months: number, zone: string | undefined, locale: string): Tick {
  const january = new Date(wallOf(at, zone)).getUTCMonth() === 0
  const words = new Intl.DateTimeFormat(locale, {
    timeZone: zone,
    ...(january || months >= 12 ? { year: 'numeric' } : { month: 'short' }),
  })
  return { at, words: words.format(at), strong: january }
}
