/** What deliveries are called and how they are told. Pure functions. */

import type { Channel, ChannelHealth, Delivery, DeliveryAttempt, DeliveryStatus, Resent } from '@/shared/api/types'
import type { Tone } from '@/shared/ui/status'
import { duration, NARROW_SPACE } from '@/shared/units'

export const STATUSES: Record<DeliveryStatus, { tone: Tone; word: string; meaning: string }> = {
  promised: { tone: 'no-data', word: 'Waiting', meaning: 'It waits for its turn, or for a better moment.' },
  sending: { tone: 'info', word: 'Being sent', meaning: 'It is being handed over just now.' },
  sent: { tone: 'ok', word: 'Sent', meaning: 'The provider took it. Whether it arrived isn’t known.' },
  delivered: { tone: 'ok', word: 'Arrived', meaning: 'The provider says that it arrived.' },
  failed: { tone: 'warning', word: 'Failed so far', meaning: 'It didn’t get through yet and is tried again.' },
  dead: { tone: 'critical', word: 'Given up', meaning: 'It won’t be tried again unless you send it again.' },
}

export const CHANNELS: Record<Channel, string> = {
  email: 'E-mail',
  sms: 'SMS',
  voice: 'Voice call',
  push: 'Push',
  webhook: 'Webhook',
  slack: 'Slack',
}

export const OUTCOMES: Record<DeliveryAttempt['outcome'], { tone: Tone; word: string }> = {
  sent: { tone: 'ok', word: 'Taken' },
  failed: { tone: 'warning', word: 'Failed' },
  refused: { tone: 'critical', word: 'Refused for good' },
  lost: { tone: 'no-data', word: 'The sender vanished' },
}

/** A message that a sender may have handed over before it vanished. */
export const MAYBE_TWICE =
  'It may have arrived twice: a sender vanished after it began, before it could note the provider’s answer. It was ' +
  'sent again under the same number, so that a provider or mail program that looks at it shows it once.'

/** What kinds of things messages are about: the part of `about` before the colon. */
const SUBJECTS: Record<string, string> = {
  alert: 'an alert',
  digest: 'a digest',
  contact: 'an address',
  invitation: 'an invitation',
  rule_override: 'an exception from a rule',
}

/** "alert" and its id, of "alert:0192…". */
export function aboutOf({ about }: Pick<Delivery, 'about'>): { kind: string; id: string } {
  const colon = about.indexOf(':')
  return colon < 0 ? { kind: about, id: '' } : { kind: about.slice(0, colon), id: about.slice(colon + 1) }
}

/** "about an alert"; null where nothing is known. */
export function aboutWords(delivery: Pick<Delivery, 'about' | 'event'>): string | null {
  if (delivery.event === 'summary') return 'several messages in one'
  const { kind } = aboutOf(delivery)
  if (kind === '') return null
  return `about ${SUBJECTS[kind] ?? kind.replaceAll('_', ' ')}`
}

/** Its subject, or what happened where that held a secret and was wiped: "Contact code". */
export function titleOf({ subject, event }: Pick<Delivery, 'subject' | 'event'>): string {
  const words = subject || event.replaceAll(/[._]/g, ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** "E-mail to chef@example.com" */
export const toWords = ({ channel, to }: Pick<Delivery, 'channel' | 'to'>): string => `${CHANNELS[channel]} to ${to}`

/** Whether sending it again is for us to ask: what waits or was sent would come twice. */
export const mayBeSentAgain = ({ status }: Pick<Delivery, 'status'>): boolean =>
  status === 'failed' || status === 'dead'

/** "40 ms", "1.2 s": how long a provider took. */
export function tookWords(ms: number): string {
  if (ms < 1000) return `${ms}${NARROW_SPACE}ms`
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)}${NARROW_SPACE}s` : duration(ms)
}

const messages = (number: number): string => (number === 1 ? '1 message' : `${number.toLocaleString('en')} messages`)

/** What became of sending all that were given up: a title, and what is to be known besides. */
export function resentWords({ resent, left, more }: Resent): { tone: Tone; title: string; note: string } {
  const notes = [
    left > 0 && `${messages(left)} can’t be sent again.`,
    more && 'There are more that were given up: send again once more.',
  ]
  const verb = resent.length === 1 ? 'is' : 'are'
  return {
    tone: resent.length > 0 ? 'ok' : 'warning',
    title: resent.length > 0 ? `${messages(resent.length)} ${verb} on the way again` : 'Nothing could be sent again',
    note: notes.filter(Boolean).join(' '),
  }
}

type Counts = ChannelHealth['hour']

const triesOf = ({ sent, failed, refused }: Counts): number => sent + failed + refused

/** "97 of 100 tries taken, 2 failed, 1 refused" */
export function countWords(counts: Counts): string {
  const tries = triesOf(counts)
  if (tries === 0) return 'nothing was sent'
  const parts = [
    `${counts.sent.toLocaleString('en')} of ${tries.toLocaleString('en')} ${tries === 1 ? 'try' : 'tries'} taken`,
    counts.failed > 0 && `${counts.failed.toLocaleString('en')} failed`,
    counts.refused > 0 && `${counts.refused.toLocaleString('en')} refused`,
  ]
  return parts.filter(Boolean).join(', ')
}

/** "97 %" of the tries were taken; never rounded up to all or down to none. */
export function shareWords(counts: Counts): string {
  const tries = triesOf(counts)
  if (tries === 0) return '–'
  const share = Math.round((counts.sent / tries) * 100)
  const honest = counts.sent < tries ? Math.min(share, 99) : share
  return `${counts.sent > 0 ? Math.max(honest, 1) : 0}${NARROW_SPACE}%`
}

/** How a channel does, judged by its last tries: those of an hour, else of a day, else whatever came last. */
export function healthOf({ hour, day, last_success, last_error }: ChannelHealth): { tone: Tone; word: string } {
  const lately = triesOf(hour) > 0 ? hour : day
  if (triesOf(lately) === 0) {
    if (!last_success && !last_error) return { tone: 'no-data', word: 'Not used' }
    const broke = last_error && (!last_success || Date.parse(last_error.at) > Date.parse(last_success))
    return broke ? { tone: 'warning', word: 'Failed last' } : { tone: 'no-data', word: 'Idle' }
  }
  if (lately.sent === 0) return { tone: 'critical', word: 'Not working' }
  // What one address refuses isn't the channel's fault; what fails for a time is.
  return lately.failed > 0 ? { tone: 'warning', word: 'Failing at times' } : { tone: 'ok', word: 'Working' }
}
