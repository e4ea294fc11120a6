/** Which stretch of time a chart shows, how one moves and zooms in it, and how finely it is asked for. Pure functions. */

import { DAY, HOUR } from '@/shared/zone'

export type Preset = '1h' | '24h' | '7d' | '30d' | '90d' | '1y' | 'all'

export const PRESETS: Record<Preset, { label: string; words: string; ms: number | null }> = {
  '1h': { label: '1 h', words: 'hour', ms: HOUR },
  '24h': { label: '24 h', words: '24 hours', ms: 24 * HOUR },
  '7d': { label: '7 d', words: '7 days', ms: 7 * DAY },
  '30d': { label: '30 d', words: '30 days', ms: 30 * DAY },
  '90d': { label: '90 d', words: '90 days', ms: 90 * DAY },
  '1y': { label: '1 y', words: 'year', ms: 365 * DAY },
  all: { label: 'All', words: 'Everything', ms: null },
}
export const PRESET_NAMES = Object.keys(PRESETS) as Preset[]
export const DEFAULT_PRESET: Preset = '24h'

export interface Stretch {
  from: number
  to: number
}

/** A preset ends now and moves along; an own stretch stays where it is. */
export type View = { preset: Preset } | Stretch

/** A view in the address, so that a link shows what its sender saw. */
export interface ViewSearch {
  range?: Preset
  from?: string
  to?: string
  as?: 'table'
}

/** Devices' clocks may run ahead by so much; what they say counts. */
export const AHEAD = 10 * 60_000
/** No closer than this: a handful of readings. */
export const SHORTEST = 10 * 60_000
/** Readings from before are refused at the door. */
export const FIRST_MOMENT = Date.UTC(2000, 0, 1)

const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?Z$/

function momentIn(value: unknown): number | undefined {
  const at = typeof value === 'string' && MOMENT.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(at) || at < FIRST_MOMENT ? undefined : at
}

/** What an address says, without what makes no sense in it: addresses are typed by people too. */
export function viewSearchOf(search: Record<string, unknown>): ViewSearch {
  const as = search.as === 'table' ? 'table' : undefined
  const from = momentIn(search.from)
  const to = momentIn(search.to)
  if (from !== undefined && to !== undefined && from < to) return { ...searchOf({ from, to }), as }
  const { range } = search
  return { range: typeof range === 'string' && Object.hasOwn(PRESETS, range) ? (range as Preset) : undefined, as }
}

export function viewOf({ range, from, to }: ViewSearch): View {
  return from && to ? { from: Date.parse(from), to: Date.parse(to) } : { preset: range ?? DEFAULT_PRESET }
}

export function searchOf(view: View): Omit<ViewSearch, 'as'> {
  if ('preset' in view) return { range: view.preset === DEFAULT_PRESET ? undefined : view.preset }
  const words = (at: number) => `${new Date(Math.round(at / 1000) * 1000).toISOString().slice(0, 19)}Z`
  return { from: words(view.from), to: words(view.to) }
}

/** From when to when a view shows. `earliest`: the first reading there is, as far as that is known. */
export function stretchOf(view: View, now: number, earliest: number | undefined): Stretch {
  if (!('preset' in view)) return view
  const { ms } = PRESETS[view.preset]
  if (ms !== null) return { from: now - ms, to: now }
  const from = earliest ?? now - 365 * DAY
  const span = Math.max(now - from, HOUR)
  return { from: now - span * 1.01, to: now }
}

/** A stretch within what can be shown: not after now, not before there were readings, not too short. */
export function bounded({ from, to }: Stretch, now: number): Stretch {
  const span = Math.min(Math.max(to - from, SHORTEST), now - FIRST_MOMENT)
  const middle = (from + to) / 2
  const start = to - from < SHORTEST ? middle - span / 2 : from
  const end = Math.min(start + span, now)
  const begin = Math.max(end - span, FIRST_MOMENT)
  return { from: Math.round(begin), to: Math.round(begin + span) }
}

/** Closer (`factor` < 1) or farther around a point that stays where it is. */
export function zoomed({ from, to }: Stretch, factor: number, around: number, now: number): Stretch {
  const wanted = { from: around - (around - from) * factor, to: around + (to - around) * factor }
  const span = wanted.to - wanted.from
  if (span >= SHORTEST) return bounded(wanted, now)
  const share = (around - from) / (to - from)
  return bounded({ from: around - SHORTEST * share, to: around + SHORTEST * (1 - share) }, now)
}

/** Earlier or later by a share of what is shown. */
export function moved({ from, to }: Stretch, share: number, now: number): Stretch {
  const by = (to - from) * share
  return bounded({ from: from + by, to: to + by }, now)
}

export type Resolution = 'raw' | 'hour' | 'day'

/** How fine an answer is: single readings, or so many hours or days a point. */
export interface Grain {
  resolution: Resolution
  merged: number
}

/** What one answer may hold; when the server has to thin, it keeps every extreme. */
export const MAX_POINTS = 2000

/** The server merges hours where they are too many for an answer; longer than these, days say as much. */
const MOST_HOURS = 4

/** A silence that breaks a line, in ms: the measure of the alerts' timers, for the slowest of these sensors. */
export function longestSilence(intervals: number[]): number {
  return Math.max(15 * 60, 3 * Math.max(0, ...intervals)) * 1000
}

export interface Window extends Stretch {
  resolution: Resolution
}

/**
 * What to fetch for a stretch: a bit more on each side, on a grid, so that moving a little asks for nothing new, and as
 * fine as an answer can be. Raw readings may be thinned to the extremes of 1000 parts; parts longer than half a silence
 * would look like gaps, so from there on it is hours (some merged), and farther out days.
 */
export function windowOf({ from, to }: Stretch, gap: number, now: number): Window {
  const span = to - from
  const step = 2 ** Math.floor(Math.log2(span / 4))
  const ahead = Math.ceil((now + AHEAD) / step) * step
  const start = Math.max(FIRST_MOMENT, Math.floor((from - span / 4) / step) * step)
  const end = Math.max(Math.min(Math.ceil((to + span / 4) / step) * step, ahead), start + step)
  return { from: start, to: end, resolution: resolutionOf(end - start, gap) }
}

export function resolutionOf(span: number, gap: number): Resolution {
  if (span <= (MAX_POINTS / 2) * 0.45 * gap) return 'raw'
  return span / HOUR <= MAX_POINTS * MOST_HOURS ? 'hour' : 'day'
}

/** "Last 7 days", or nothing for an own stretch: that is told by its moments. */
export function presetWords(preset: Preset): string {
  return preset === 'all' ? PRESETS.all.words : `Last ${PRESETS[preset].words}`
}
