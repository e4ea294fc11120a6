/** How measures, ages and moments are written. The backend speaks °C and UTC; people read their own. */

import type { Unit, UnitKind } from './api/types'
import type { Scale } from './preferences'

/** English with the reader's own habits for dates and hours. */
export const LOCALE = navigator.languages?.find((language) => language.startsWith('en')) ?? 'en-GB'

const MINUS = '\u2212'
export const NARROW_SPACE = '\u202f'

function signed(value: number, digits: number): string {
  const rounded = Number(value.toFixed(digits)) + 0 // + 0 turns -0 into 0
  return Math.abs(rounded)
    .toFixed(digits)
    .replace(/^/, rounded < 0 ? MINUS : '')
}

export const inScale = (celsius: number, scale: Scale): number => (scale === 'F' ? celsius * 1.8 + 32 : celsius)

/** The number of a temperature, one decimal: "4.2", "−18.0". */
export function temperatureNumber(celsius: number, scale: Scale): string {
  return signed(inScale(celsius, scale), 1)
}

/** "4.2 °C", or a dash where there is none. */
export function temperature(celsius: number | null | undefined, scale: Scale): string {
  return celsius == null ? '–' : `${temperatureNumber(celsius, scale)}${NARROW_SPACE}°${scale}`
}

/** The Celsius of a number in the reader's scale: 41 °F is 5 °C, and no digit more. */
export const fromScale = (shown: number, scale: Scale): number => (scale === 'F' ? ((shown - 32) * 5) / 9 : shown)

/** "1.0 °C": a difference of temperatures, which has no freezing point to be moved by. */
export function temperatureDifference(celsius: number, scale: Scale): string {
  return `${signed(scale === 'F' ? celsius * 1.8 : celsius, 1)}${NARROW_SPACE}°${scale}`
}

export function percent(value: number | null | undefined): string {
  return value == null ? '–' : `${Math.round(value)}${NARROW_SPACE}%`
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** How long ago, coarser with age: "just now", "42 s ago", "5 min ago". */
export function age(ms: number): string {
  if (ms < 2 * SECOND) return 'just now'
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)}${NARROW_SPACE}s ago`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}${NARROW_SPACE}min ago`
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)}${NARROW_SPACE}h ago`
  return `${Math.floor(ms / DAY)}${NARROW_SPACE}days ago`
}

/** A length of time: "40 s", "25 min", "1 h 20 min", "3 d 4 h". */
export function duration(ms: number): string {
  const part = (amount: number, unit: string) => (amount > 0 ? ` ${amount}${NARROW_SPACE}${unit}` : '')
  if (ms < MINUTE) return `${Math.max(0, Math.round(ms / SECOND))}${NARROW_SPACE}s`
  if (ms < HOUR) return `${Math.round(ms / MINUTE)}${NARROW_SPACE}min`
  if (ms < 2 * DAY) return (part(Math.floor(ms / HOUR), 'h') + part(Math.floor((ms % HOUR) / MINUTE), 'min')).trim()
  return (part(Math.floor(ms / DAY), 'd') + part(Math.floor((ms % DAY) / HOUR), 'h')).trim()
}

const formats = new Map<string, Intl.DateTimeFormat>()

function format(options: Intl.DateTimeFormatOptions, zone: string | undefined): Intl.DateTimeFormat {
  const key = `${zone}${JSON.stringify(options)}`
  let found = formats.get(key)
  if (!found) {
    found = new Intl.DateTimeFormat(LOCALE, { ...options, timeZone: zone })
    formats.set(key, found)
  }
  return found
}

/** "21 Nov, 14:05" in a site's time zone (or the reader's). */
export function moment(at: string | number, zone?: string): string {
  return format({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }, zone).format(new Date(at))
}

/** "21 Nov 2026" in a site's time zone (or the reader's). */
export function dayOf(at: string | number, zone?: string): string {
  return format({ day: 'numeric', month: 'short', year: 'numeric' }, zone).format(new Date(at))
}

/** "14:05:09" in a site's time zone (or the reader's). */
export function clock(at: string | number, zone?: string): string {
  return format({ hour: '2-digit', minute: '2-digit', second: '2-digit' }, zone).format(new Date(at))
}

/** "21 Nov, 14:05", with "GMT+1" behind it where a site's clocks differ from the reader's. */
export function momentAt(at: string, zone: string | undefined): string {
  const note = zone && zoneNote(zone, Date.parse(at))
  return note ? `${moment(at, zone)} ${note}` : moment(at, zone)
}

/** "GMT+1" if a site's clocks differ from the reader's, else nothing. */
export function zoneNote(zone: string, at: number): string | null {
  const name = (of: string | undefined) =>
    format({ timeZoneName: 'shortOffset' }, of)
      .formatToParts(at)
      .find((part) => part.type === 'timeZoneName')?.value
  const there = name(zone)
  return there && there !== name(undefined) ? there : null
}

/** Whose clock is shown: "times of New York (GMT−5)". */
export function clockWords(zone: string | undefined, at: number): string | null {
  if (!zone) return null
  const note = zoneNote(zone, at)
  return note ? `times of ${placeOf(zone)} (${note.replace('-', '\u2212')})` : `times of ${placeOf(zone)}`
}

const placeOf = (zone: string): string => (zone.split('/').at(-1) ?? zone).replaceAll('_', ' ')

const UNIT_KINDS: Record<UnitKind, string> = {
  walk_in_cooler: 'Walk-in cooler',
  reach_in_fridge: 'Reach-in fridge',
  prep_table: 'Prep table',
  display_case: 'Display case',
  egg_cooler: 'Egg cooler',
  fish_cooler: 'Fish cooler',
  walk_in_freezer: 'Walk-in freezer',
  chest_freezer: 'Chest freezer',
  ice_cream_case: 'Ice-cream case',
  hot_holding: 'Hot holding',
  blast_chiller: 'Blast chiller',
  vaccine_fridge: 'Vaccine fridge',
  vaccine_freezer: 'Vaccine freezer',
  ultra_cold_freezer: 'Ultra-cold freezer',
  pharmacy_room: 'Pharmacy room',
  dry_store: 'Dry store',
  room: 'Room',
  other: 'Other',
}

/** What a unit is: "Walk-in cooler". */
export const unitKind = (unit: Unit): string => UNIT_KINDS[unit.kind ?? 'other']

/** What a kind of unit is called. */
export const kindName = (kind: UnitKind): string => UNIT_KINDS[kind]
export const KIND_NAMES = Object.keys(UNIT_KINDS) as UnitKind[]
