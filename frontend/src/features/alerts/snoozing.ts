/** Until when one may put an alert off. Milliseconds; pure functions. */

import { DAY, HOUR, momentOf, wallOf } from '@/shared/zone'

/** The server takes no longer snoozes. */
export const LONGEST_SNOOZE = 7 * DAY
const MINUTE = 60_000

export interface Offer {
  words: string
  until: number
}

/** Eight in the morning after the next night, on the site's clock; at one in the night that is the same day. */
export function nextMorning(now: number, zone: string | undefined): number {
  const wall = wallOf(now, zone)
  const today = wall - (wall % DAY)
  const night = wall - today < 4 * HOUR
  return momentOf(today + (night ? 0 : DAY) + 8 * HOUR, zone)
}

export function offers(now: number, zone: string | undefined): Offer[] {
  const morning = nextMorning(now, zone)
  const sameDay = wallOf(morning, zone) - wallOf(now, zone) < 8 * HOUR
  return [
    { words: '15 minutes', until: now + 15 * MINUTE },
    { words: '1 hour', until: now + HOUR },
    { words: sameDay ? 'This morning, 8:00' : 'Tomorrow, 8:00', until: morning },
  ]
}

/** What is wrong with an own time, in words. */
export function wrongWith(until: number, now: number): string | null {
  if (Number.isNaN(until)) return 'Enter a date with its time.'
  if (until <= now) return 'This has passed already.'
  if (until > now + LONGEST_SNOOZE) return 'A snooze is at most 7 days long.'
  return null
}
