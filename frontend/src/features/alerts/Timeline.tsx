import type { AlertEvent } from '@/shared/api/types'
import { moment } from '@/shared/units'
import classes from './Timeline.module.css'

const WORDS: Record<AlertEvent['event'], string> = {
  opened: 'Opened',
  escalated: 'Escalated',
  acknowledged: 'Acknowledged',
  snoozed: 'Snoozed',
  resolved: 'Resolved',
  reopened: 'Opened again',
  commented: 'Comment',
}

/** What readings did has nobody's name. */
function who(event: AlertEvent): string {
  if (event.by) return ` by ${event.by_name || 'a former member'}`
  return event.event === 'resolved' ? ' by itself' : ''
}

/** Every move of an alert, in order, with who and why. */
export function Timeline({ events, zone }: { events: AlertEvent[]; zone: string | undefined }) {
  const ordered = [...events].sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
  return (
    <ol className={classes.timeline}>
      {ordered.map((event) => (
        <li key={event.id} className={classes.event} data-event={event.event}>
          <div className={classes.line}>
            <span className={classes.what}>
              {WORDS[event.event]}
              {who(event)}
            </span>
            <time dateTime={event.at} className={classes.when}>
              {moment(event.at, zone)}
            </time>
          </div>
          {event.note && <p className={classes.note}>{event.note}</p>}
        </li>
      ))}
    </ol>
  )
}
