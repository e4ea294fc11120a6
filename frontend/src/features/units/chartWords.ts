/** What a chart shows, in words: moments of buckets, exact values, stretches of time. */

import type { Scale } from '@/shared/preferences'
import { inScale, LOCALE, temperature } from '@/shared/units'
import { DAY, HOUR } from '@/shared/zone'
import { type Grain, PRESETS, type Stretch, type View } from './range'
import type { Measure } from './series'

const THIN = '\u202f'

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

const DATE = { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' } as const
const TIME = { hour: '2-digit', minute: '2-digit' } as const

/** When a point was: to the second for a reading, from when to when for hours, the dates for days. */
export function pointMoment(at: number, { resolution, merged }: Grain, zone: string | undefined): string {
  if (resolution === 'raw') return format({ ...DATE, ...TIME, second: '2-digit' }, zone).format(at)
  if (resolution === 'hour')
    return `${format({ ...DATE, ...TIME }, zone).format(at)} – ${format(TIME, zone).format(at + merged * HOUR)}`
  if (merged === 1) return format(DATE, zone).format(at)
  // (Noon of the last day, which a change of the clocks doesn't push into another.)
  return format(DATE, zone).formatRange(at, at + (merged - 0.5) * DAY)
}

/** How fine a chart is: "every reading", "lowest to highest by 3 hours". */
export function grainWords({ resolution, merged }: Grain): string {
  if (resolution === 'raw') return 'every reading'
  return `lowest to highest by ${merged === 1 ? resolution : `${merged} ${resolution}s`}`
}

/** "20 Nov 2026, 09:15 – 21 Nov 2026, 09:15"; whole days leave the times out. */
export function stretchWords({ from, to }: Stretch, zone: string | undefined): string {
  const isLong = to - from > 4 * DAY
  const options: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short', year: 'numeric', ...(!isLong && TIME) }
  return format(options, zone).formatRange(from, to).replaceAll('\u2009', ' ')
}

/** What a chart is about: "Last 7 days", or its moments. */
export function viewWords(view: View, stretch: Stretch, zone: string | undefined): string {
  if (!('preset' in view)) return stretchWords(stretch, zone)
  return view.preset === 'all' ? PRESETS.all.words : `Last ${PRESETS[view.preset].words}`
}

/** To the hundredth of a degree, as it is kept, and the tenth of a per cent. `value` is in °C or %. */
export function exactly(value: number, measure: Measure, scale: Scale): string {
  const shown = measure === 'temperature' ? inScale(value, scale) : value
  const digits = measure === 'temperature' ? 2 : 1
  const number = (Number(shown.toFixed(digits)) + 0).toFixed(digits).replace('-', '\u2212')
  return `${number}${THIN}${measure === 'temperature' ? `°${scale}` : '%'}`
}

/** As it stands in summaries: one decimal. */
export const briefly = (value: number, measure: Measure, scale: Scale): string =>
  measure === 'temperature' ? temperature(value, scale) : `${Math.round(value)}${THIN}%`

/** "1,234" in the reader's manner. */
export const amount = (value: number): string => new Intl.NumberFormat(LOCALE).format(value)

/** "9.4 MB", as file managers say it. */
export function sizeWords(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB']
  const power = bytes < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1000 ** power
  const digits = power > 0 && value < 10 ? 1 : 0
  return `${new Intl.NumberFormat(LOCALE, { maximumFractionDigits: digits }).format(value)}${THIN}${units[power]}`
}
