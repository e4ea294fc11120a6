import { useEffect, useRef } from 'react'
import { Problem } from '@/shared/api/client'
import { useNow } from '@/shared/now'
import classes from './Complaint.module.css'
import { StatusMark } from './StatusBadge'

/** For how many more seconds the server doesn't want to hear from us; 0: now. */
export function useSecondsLeft(error: Error | null): number {
  const until = error instanceof Problem && error.retryAfter ? error.at + error.retryAfter * 1000 : 0
  return useNow((now) => Math.max(0, Math.ceil((until - now) / 1000)))
}

/** Why it didn't work, where no single field is to blame. It takes the focus, and counts down where one must wait. */
export function Complaint({ error, quiet }: { error: Error | null; quiet?: boolean }) {
  const box = useRef<HTMLDivElement>(null)
  const left = useSecondsLeft(error)
  useEffect(() => {
    if (error && !quiet) box.current?.focus()
  }, [error, quiet])
  if (!error) return null
  const tone = left > 0 ? 'warning' : 'critical'
  return (
    <div ref={box} role="alert" tabIndex={-1} className={classes.complaint} data-tone={tone}>
      <StatusMark tone={tone} />
      <div>
        {error instanceof Problem && error.retryAfter ? (
          <>
            {/* What counts down isn't read out every second. */}
            <p className="visually-hidden">{`Too many attempts. Try again in ${waiting(error.retryAfter)}.`}</p>
            <p aria-hidden="true" className="numbers">
              {left > 0 ? `Too many attempts. Try again in ${waiting(left)}.` : 'You can try again now.'}
            </p>
          </>
        ) : (
          <p>{sentence(error)}</p>
        )}
      </div>
    </div>
  )
}

function waiting(seconds: number): string {
  return seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`
}

function sentence(error: Error): string {
  if (!(error instanceof Problem)) return 'Something went wrong. Try again.'
  if (error.status === 403 && error.code.startsWith('http_')) {
    return 'This page was open for too long. Reload it and try again.'
  }
  return error.message
}
