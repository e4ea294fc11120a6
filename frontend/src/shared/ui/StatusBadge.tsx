import classes from './StatusBadge.module.css'
import type { Tone } from './status'

/** One shape a tone, so that nobody needs to see colours: circle, triangle, octagon, broken ring, square. */
const SHAPES: Record<Tone, React.ReactNode> = {
  ok: (
    <>
      <circle cx="8" cy="8" r="7" fill="currentColor" />
      <path d="M4.9 8.3l2.2 2.2 4.1-4.6" className={classes.glyph} />
    </>
  ),
  info: (
    <>
      <rect x="1.2" y="1.2" width="13.6" height="13.6" rx="6.8" fill="none" stroke="currentColor" strokeWidth="2" />
      <path d="M8 7.4v4M8 4.8v.1" className={classes.line} />
    </>
  ),
  warning: (
    <>
      <path d="M8 1.2L15.4 14a.9.9 0 0 1-.8 1.3H1.4A.9.9 0 0 1 .6 14z" fill="currentColor" />
      <path d="M8 6.1v4M8 12.5v.1" className={classes.glyph} />
    </>
  ),
  critical: (
    <>
      <path d="M4.9.6h6.2l4.3 4.3v6.2l-4.3 4.3H4.9L.6 11.1V4.9z" fill="currentColor" />
      <path d="M8 4v4.6M8 11.7v.1" className={classes.glyph} />
    </>
  ),
  'no-data': (
    <>
      <circle cx="8" cy="8" r="6.6" fill="none" stroke="currentColor" strokeWidth="2" strokeDasharray="3 2.18" />
      <path d="M5.4 8h5.2" className={classes.line} />
    </>
  ),
  fault: (
    <>
      <rect x="1" y="1" width="14" height="14" rx="2.5" fill="currentColor" />
      <path d="M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6" className={classes.glyph} />
    </>
  ),
}

/** The shape alone, where the word stands beside it. */
export function StatusMark({ tone, size = 16 }: { tone: Tone; size?: number }) {
  return (
    <svg className={classes.mark} data-tone={tone} width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      {SHAPES[tone]}
    </svg>
  )
}

/** A state: colour, shape and word. `quiet` leaves out the tint, for rows of many. */
export function StatusBadge({ tone, children, quiet }: { tone: Tone; children: string; quiet?: boolean }) {
  return (
    <span className={classes.badge} data-tone={tone} data-quiet={quiet || undefined}>
      <StatusMark tone={tone} size={14} />
      {children}
    </span>
  )
}
