import { Button } from '@mantine/core'
import { useState } from 'react'
import type { AlertEvent } from '@/shared/api/types'
import { sentenceIn } from '@/shared/measures'
import { useScale } from '@/shared/preferences'
import { moment } from '@/shared/units'
import classes from './Timeline.module.css'

const WORDS: Record<AlertEvent['event'], string> = {
  opened: 'Opened',
  escalated: 'Nobody had answered: next step',
  acknowledged: 'Acknowledged',
  snoozed: 'Snoozed',
  resolved: 'Resolved',
  reopened: 'Opened again',
  commented: 'Comment',
  assigned: 'Assigned',
  muted: 'Muted: nobody is told',
  unmuted: 'Told after a mute',
  lapsed: 'The acknowledgement has lapsed',
  awake: 'The snooze is over',
  amended: 'Corrected by late readings',
  contradicted: 'Contradicted by late readings',
}

const CHANNELS: Record<Exclude<AlertEvent['channel'], ''>, string> = {
  readings: 'readings',
  clock: 'the clock',
  web: 'web app',
  api: 'API',
  live: 'live screen',
  email: 'e-mail',
  sms: 'text message',
  voice: 'phone',
  push: 'push message',
}

/** A step that nobody hears of is passed over at once; its note says which one that was. */
const PASSED_OVER = /reaches nobody\.$/
const INSTEAD = /managers are told instead\.$/

function whatOf({ event, note }: AlertEvent): string {
  if (event === 'escalated' && PASSED_OVER.test(note ?? '')) return 'A step was passed over'
  if (event === 'escalated' && INSTEAD.test(note ?? '')) return 'Managers were told instead'
  return WORDS[event] ?? event
}

/** What readings did has nobody's name. */
function who(event: AlertEvent): string {
  if (event.by) return ` by ${event.by_name || 'a former member'}`
  return event.event === 'resolved' ? ' by itself' : ''
}

/** Every move of an alert, in order, with who, when, through which channel and why. */
export function Timeline({ events, zone }: { events: AlertEvent[]; zone: string | undefined }) {
  const [isWhole, setWhole] = useState(false)
  const ordered = [...events].sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
  const folded = isWhole || ordered.length <= MOST ? 0 : ordered.length - FIRST - LAST
  return (
    <ol className={classes.timeline}>
      {(folded > 0 ? ordered.slice(0, FIRST) : ordered).map((event) => (
        <Event key={event.id} event={event} zone={zone} />
      ))}
      {folded > 0 && (
        <li className={classes.folded}>
          <Button variant="subtle" size="compact-sm" onClick={() => setWhole(true)}>
            Show {folded} between
          </Button>
        </li>
      )}
      {folded > 0 && ordered.slice(-LAST).map((event) => <Event key={event.id} event={event} zone={zone} />)}
    </ol>
  )
}

/** Longer timelines are folded in the middle: how it began, and what was last, is what people look for. */
const MOST = 14
const FIRST = 2
const LAST = 8

function Event({ event, zone }: { event: AlertEvent; zone: string | undefined }) {
  const scale = useScale()
  return (
    <li className={classes.event} data-event={event.event}>
      <div className={classes.line}>
        <span className={classes.what}>
          {whatOf(event)}
          {who(event)}
        </span>
        <span className={classes.when}>
          <time dateTime={event.at}>{moment(event.at, zone)}</time>
          {event.channel && event.by && ` · ${CHANNELS[event.channel] ?? event.channel}`}
        </span>
      </div>
      {event.note && <p className={classes.note}>{event.by ? event.note : sentenceIn(event.note, scale)}</p>}
    </li>
  )
}
