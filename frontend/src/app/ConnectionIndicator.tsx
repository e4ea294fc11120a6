import { type LiveStatus, useLiveStatus } from '@/shared/live'
import classes from './ConnectionIndicator.module.css'

const STATES: Record<LiveStatus, { words: string; hint: string; kind: 'live' | 'waiting' | 'polling' | 'off' }> = {
  connecting: { words: 'Connecting', hint: 'Opening the live connection.', kind: 'waiting' },
  live: { words: 'Live', hint: 'Readings and alerts appear as they happen.', kind: 'live' },
  reconnecting: {
    words: 'Reconnecting',
    hint: 'The live connection was lost and is being opened again.',
    kind: 'waiting',
  },
  polling: {
    words: 'Every 10 s',
    hint: 'Your network blocks the live connection; the page asks every 10 s.',
    kind: 'polling',
  },
  offline: { words: 'Offline', hint: 'This device has no network. What you see may be old.', kind: 'off' },
  refused: { words: 'Not connected', hint: 'You may no longer listen here. Reload the page.', kind: 'off' },
}

/** Whether what is on the screen is true now: a full dot, a ring, or a broken one, and the word. */
export function ConnectionIndicator() {
  const { words, hint, kind } = STATES[useLiveStatus()]
  return (
    <div className={classes.indicator} data-kind={kind} title={hint} role="status">
      <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
        {kind === 'live' && <circle cx="6" cy="6" r="4.5" fill="currentColor" />}
        {kind === 'polling' && (
          <>
            <circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" strokeWidth="2" />
            <circle cx="6" cy="6" r="1.75" fill="currentColor" />
          </>
        )}
        {kind === 'waiting' && (
          <circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" strokeWidth="2" strokeDasharray="7 7.1" />
        )}
        {kind === 'off' && <path d="M2 2l8 8M10 2l-8 8" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />}
      </svg>
      {words}
    </div>
  )
}
