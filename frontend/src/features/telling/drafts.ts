/** What was chosen but not saved yet, as pure functions: the server is sent all of it or nothing. */

import type { Severity } from '@/shared/api/types'
import { momentOfText, wallText } from '@/shared/zone'
import type { Channel, Digest, DigestBody, Digests, Period, Wishes, WishesBody } from './queries'

export const SEVERITIES: Severity[] = ['critical', 'warning', 'info']

/** What the server does for who chose nothing. */
const UNCHOSEN: Channel[] = ['email']

const HOUR = 3_600_000

const sameChannels = (one: readonly Channel[], other: readonly Channel[]): boolean =>
  one.length === other.length && one.every((channel) => other.includes(channel))

/** A form's words for all wishes. Times are by the clock of the person's time zone. */
export interface WishDraft {
  /** By organization and severity; what isn't here is as nobody chose it. */
  channels: Record<string, Channel[]>
  quiet: { from: string; to: string } | null
  away: { from: string; until: string } | null
}

const keyOf = (org: string, severity: Severity) => `${severity} ${org}`

export function draftOf({ preferences, quiet_hours, away, time_zone }: Wishes): WishDraft {
  return {
    channels: Object.fromEntries(preferences.map(({ org, severity, channels }) => [keyOf(org, severity), channels])),
    quiet: quiet_hours && { from: quiet_hours.from.slice(0, 5), to: quiet_hours.to.slice(0, 5) },
    away: away && {
      from: wallText(Date.parse(away.from), time_zone),
      until: wallText(Date.parse(away.until), time_zone),
    },
  }
}

export const channelsOf = (draft: WishDraft, org: string, severity: Severity): Channel[] =>
  draft.channels[keyOf(org, severity)] ?? UNCHOSEN

/** With one box ticked or cleared. Channels that have no box here stay as they are. */
export function ticked(
  draft: WishDraft,
  org: string,
  severity: Severity,
  channel: Channel,
  wanted: boolean,
): WishDraft {
  const rest = channelsOf(draft, org, severity).filter((each) => each !== channel)
  return {
    ...draft,
    channels: { ...draft.channels, [keyOf(org, severity)]: wanted ? [...rest, channel] : rest },
  }
}

/** Whether two drafts would be the same to the server: the order of channels says nothing. */
export function sameWishes(one: WishDraft, other: WishDraft): boolean {
  const keys = new Set([...Object.keys(one.channels), ...Object.keys(other.channels)])
  const same = [...keys].every((key) => sameChannels(one.channels[key] ?? UNCHOSEN, other.channels[key] ?? UNCHOSEN))
  return (
    same &&
    one.quiet?.from === other.quiet?.from &&
    one.quiet?.to === other.quiet?.to &&
    one.away?.from === other.away?.from &&
    one.away?.until === other.away?.until
  )
}

export const FIRST_QUIET = { from: '22:00', to: '06:00' }

/** From now, for a week. */
export const firstAway = (now: number, zone: string): { from: string; until: string } => ({
  from: wallText(now, zone),
  until: wallText(now + 7 * 24 * HOUR, zone),
})

export interface Mistakes {
  quiet?: string
  away?: string
}

/** What is wrong with the times, in words. */
export function mistakesIn({ quiet, away }: WishDraft, zone: string, now: number): Mistakes {
  const found: Mistakes = {}
  if (quiet) {
    if (!quiet.from || !quiet.to) found.quiet = 'Enter both times.'
    else if (quiet.from === quiet.to) found.quiet = 'Quiet hours end at another time than they begin.'
  }
  if (away) {
    const from = momentOfText(away.from, zone)
    const until = momentOfText(away.until, zone)
    if (Number.isNaN(from) || Number.isNaN(until)) found.away = 'Enter both dates with their times.'
    else if (until <= from) found.away = 'It must end after it begins.'
    else if (until <= now) found.away = 'It must end in the future.'
  }
  return found
}

/** What is sent, once there is no mistake in it. */
export function bodyOf(draft: WishDraft, zone: string): WishesBody {
  const at = (text: string) => new Date(momentOfText(text, zone)).toISOString()
  return {
    preferences: Object.entries(draft.channels).map(([key, channels]) => {
      const [severity = '', org = ''] = key.split(' ')
      return { org, severity: severity as Severity, channels }
    }),
    quiet_hours: draft.quiet,
    away: draft.away && { from: at(draft.away.from), until: at(draft.away.until) },
  }
}

/** How often, of one organization. Both is possible, but only programs ask for it. */
export type HowOften = 'none' | 'daily' | 'weekly' | 'both'

const PERIODS: Period[] = ['daily', 'weekly']

/** Digests as the form has them: without when they are due. */
export const digestsOf = ({ digests }: Digests): DigestBody[] =>
  digests.map(({ next_at: _due, ...digest }) => ({ ...digest, at: digest.at.slice(0, 5) }))

export function howOften(digests: DigestBody[], org: string): HowOften {
  const on = (period: Period) => digests.some((each) => each.org === org && each.period === period && isOn(each))
  if (on('daily')) return on('weekly') ? 'both' : 'daily'
  return on('weekly') ? 'weekly' : 'none'
}

export const isOn = ({ enabled }: DigestBody): boolean => enabled

/** With this often switched on and the rest off. The times of what is off are kept for another day. */
export function chosen(digests: DigestBody[], org: string, often: HowOften): DigestBody[] {
  const wanted = (period: Period) => often === period || often === 'both'
  const kept = digests.map((each) => (each.org === org ? { ...each, enabled: wanted(each.period) } : each))
  const missing = PERIODS.filter(
    (period) => wanted(period) && !digests.some((each) => each.org === org && each.period === period),
  )
  return [...kept, ...missing.map((period) => ({ org, period, at: '07:00', weekday: 0, enabled: true }))]
}

export const withTimes = (
  digests: DigestBody[],
  org: string,
  period: Period,
  change: { at?: string; weekday?: number },
): DigestBody[] => digests.map((each) => (each.org === org && each.period === period ? { ...each, ...change } : each))

export function sameDigests(one: DigestBody[], other: DigestBody[]): boolean {
  const text = (digests: DigestBody[]) =>
    digests
      .map(({ org, period, at, weekday, enabled }) => `${org} ${period} ${at} ${weekday} ${enabled}`)
      .sort()
      .join()
  return text(one) === text(other)
}

/** When the next one is due, of what is saved. */
export const nextOf = ({ digests }: Digests, org: string): Digest | undefined =>
  digests
    .filter((each) => each.org === org && isOn(each))
    .sort((one, other) => Date.parse(one.next_at) - Date.parse(other.next_at))[0]
