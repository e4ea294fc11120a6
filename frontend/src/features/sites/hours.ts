/** A week of opening hours as people fill it in. The server knows no night: it gets one as two parts. Pure functions. */

import type { Site } from '@/shared/api/types'

export type StoredHours = Site['opening_hours']

export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Day = (typeof DAYS)[number]

export const DAY_NAMES: Record<Day, string> = {
  mon: 'Monday',
  tue: 'Tuesday',
  wed: 'Wednesday',
  thu: 'Thursday',
  fri: 'Friday',
  sat: 'Saturday',
  sun: 'Sunday',
}

/** "HH:MM" each, as a field for times has it. Closing at or before opening is on the next day; 00:00 is midnight. */
export interface Span {
  opens: string
  closes: string
}

/** A day without hours is closed. */
export type Week = Record<Day, Span[]>

const MIDNIGHT = '00:00'
const END = '24:00'
/** The server takes no more hours a day. */
export const MOST_A_DAY = 6

const next = (day: Day): Day => DAYS[(DAYS.indexOf(day) + 1) % DAYS.length] ?? 'mon'

/** Whether it goes on after midnight. */
export const isNight = ({ opens, closes }: Span): boolean => closes < opens && closes !== MIDNIGHT

const isAllDay = ({ opens, closes }: Span): boolean => opens === MIDNIGHT && closes === MIDNIGHT

/** A week to begin with: most kitchens are open in these hours on most days. */
export const usualWeek = (): Week => each(() => [{ opens: '08:00', closes: '22:00' }])

function each(make: (day: Day) => Span[]): Week {
  return Object.fromEntries(DAYS.map((day) => [day, make(day)])) as Week
}

/** What is stored as a person reads it: the two parts of a night are one. null: always open. */
export function weekOf(stored: StoredHours): Week | null {
  if (!stored || Object.keys(stored).length === 0) return null
  const parts = each((day) => (stored[day] ?? []).map(([opens = '', closes = '']) => ({ opens, closes })))
  const taken = new Set<Span>()
  for (const day of DAYS) {
    const evening = parts[day].find(({ opens, closes }) => closes === END && opens !== MIDNIGHT)
    const morning = parts[next(day)].find(({ opens }) => opens === MIDNIGHT)
    // (Longer than a day it would be something else.)
    if (!evening || !morning || morning.closes === END || morning.closes >= evening.opens) continue
    evening.closes = morning.closes
    taken.add(morning)
  }
  return each((day) =>
    parts[day]
      .filter((span) => !taken.has(span))
      .map(({ opens, closes }) => ({ opens, closes: closes === END ? MIDNIGHT : closes })),
  )
}

interface Part {
  opens: string
  closes: string
  /** The day it was written at. */
  from: Day
}

function partsOf(week: Week): Record<Day, Part[]> {
  const parts = Object.fromEntries(DAYS.map((day) => [day, [] as Part[]])) as Record<Day, Part[]>
  for (const day of DAYS) {
    for (const span of week[day]) {
      const night = isNight(span)
      const closes = night || span.closes === MIDNIGHT ? END : span.closes
      parts[day].push({ opens: span.opens, closes, from: day })
      if (night) parts[next(day)].push({ opens: MIDNIGHT, closes: span.closes, from: day })
    }
  }
  for (const day of DAYS) parts[day].sort((a, b) => a.opens.localeCompare(b.opens))
  return parts
}

/** For the server. Closed days are named, too: an empty object would mean always open. */
export function storedOf(week: Week | null): Record<Day, [string, string][]> | Record<string, never> {
  if (!week) return {}
  const parts = partsOf(week)
  return Object.fromEntries(DAYS.map((day) => [day, parts[day].map(({ opens, closes }) => [opens, closes])])) as Record<
    Day,
    [string, string][]
  >
}

/** What is wrong with which day, in words. */
export function wrongWith(week: Week): Partial<Record<Day, string>> {
  const wrong: Partial<Record<Day, string>> = {}
  const parts = partsOf(week)
  for (const day of DAYS) {
    const spans = week[day]
    if (spans.some(({ opens, closes }) => !opens || !closes)) wrong[day] = 'Enter when it opens and when it closes.'
    else if (spans.some((span) => span.opens === span.closes && !isAllDay(span)))
      wrong[day] = 'It opens and closes at the same time. For the whole day write 00:00 to 00:00.'
    else if (parts[day].length > MOST_A_DAY) wrong[day] = `At most ${MOST_A_DAY} stretches a day.`
    else wrong[day] = overlap(day, parts[day])
    if (!wrong[day]) delete wrong[day]
  }
  return wrong
}

function overlap(day: Day, parts: Part[]): string | undefined {
  for (const [place, part] of parts.entries()) {
    const before = parts[place - 1]
    if (!before || before.closes <= part.opens) continue
    const night = [before, part].find(({ from }) => from !== day)
    return night
      ? `This begins before the night of ${DAY_NAMES[night.from]} is over, at ${night.closes}.`
      : `${words(before)} and ${words(part)} overlap.`
  }
  return undefined
}

/** "08:00–22:00", "17:00–02:00 (next day)", "all day". */
export function words(span: Span): string {
  if (isAllDay({ ...span, closes: span.closes === END ? MIDNIGHT : span.closes })) return 'all day'
  const closes = span.closes === MIDNIGHT || span.closes === END ? 'midnight' : span.closes
  return `${span.opens}–${closes}${isNight(span) ? ' (next day)' : ''}`
}

export interface Line {
  days: string
  hours: string
}

/** A week in as few lines as it takes: "Monday to Friday", "08:00–22:00". */
export function linesOf(stored: StoredHours): Line[] {
  const week = weekOf(stored)
  if (!week) return [{ days: 'Every day', hours: 'always open' }]
  const said = (day: Day) => week[day].map(words).join(', ') || 'closed'
  const lines: { first: Day; last: Day; hours: string }[] = []
  for (const day of DAYS) {
    const line = lines.at(-1)
    if (line?.hours === said(day)) line.last = day
    else lines.push({ first: day, last: day, hours: said(day) })
  }
  return lines.map(({ first, last, hours }) => ({ days: range(first, last), hours }))
}

function range(first: Day, last: Day): string {
  if (first === 'mon' && last === 'sun') return 'Every day'
  if (first === last) return DAY_NAMES[first]
  const between = next(first) === last ? 'and' : 'to'
  return `${DAY_NAMES[first]} ${between} ${DAY_NAMES[last]}`
}

/** Whether it never opens: what watches in opening hours never would. */
export const isNeverOpen = (week: Week): boolean => DAYS.every((day) => week[day].length === 0)

/** The day a refusal of the server is about, which begins with its name: "mon: …". */
export function refusalOf(detail: string): { day: Day; detail: string } | null {
  const [, day, rest = ''] = detail.match(/^(mon|tue|wed|thu|fri|sat|sun): (.*)$/s) ?? []
  return day ? { day: day as Day, detail: rest.charAt(0).toUpperCase() + rest.slice(1) } : null
}
