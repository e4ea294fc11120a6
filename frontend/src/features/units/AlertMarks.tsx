import { Link } from '@tanstack/react-router'
import { useMember } from '@/shared/member'
import { StatusMark } from '@/shared/ui/StatusBadge'
import { SEVERITY } from '@/shared/ui/status'
import { moment } from '@/shared/units'
import classes from './AlertMarks.module.css'
import { clusters } from './clusters'
import type { Span } from './limits'
import { type Stretch, zoomed } from './range'

interface Props {
  spans: Span[]
  stretch: Stretch
  zone: string | undefined
  /** Pixels of the plot: marks that would lie on each other become one. */
  width: number
  onStretch: (stretch: Stretch) => void
}

/** Alerts on the time axis: each opens its alert, and where there are many, closer. */
export function AlertMarks({ spans, stretch, zone, width, onStretch }: Props) {
  const { organization } = useMember()
  const groups = clusters(spans, stretch, width)
  // (Its room stays: the chart must not jump while one zooms.)
  if (groups.length === 0) return <div className={classes.marks} />
  return (
    <ul className={classes.marks} aria-label="Alerts in this time">
      {groups.map((group) => {
        const [first, ...others] = group.spans
        if (!first) return null
        const style = { '--share': `${group.share * 100}%` } as React.CSSProperties
        const { tone } = SEVERITY[group.worst.severity]
        if (others.length === 0 && first.tried)
          return (
            <li key={first.id} className={classes.mark} style={style}>
              <span
                className={classes.link}
                role="img"
                aria-label={spanWords(first, zone)}
                title={spanWords(first, zone)}
              >
                <StatusMark tone={tone} size={18} />
              </span>
            </li>
          )
        if (others.length === 0)
          return (
            <li key={first.id} className={classes.mark} style={style}>
              <Link
                to="/o/$org/alerts/$alert"
                params={{ org: organization, alert: first.id }}
                className={classes.link}
                aria-label={spanWords(first, zone)}
                title={spanWords(first, zone)}
              >
                <StatusMark tone={tone} size={18} />
              </Link>
            </li>
          )
        const words = `${group.spans.length} ${first.tried ? 'incidents' : 'alerts'} from ${moment(first.from, zone)}: show closer`
        return (
          <li key={first.id} className={classes.mark} style={style}>
            <button
              type="button"
              className={classes.link}
              aria-label={words}
              title={words}
              onClick={() => onStretch(around(group.spans))}
            >
              <StatusMark tone={tone} size={18} />
              <span className={classes.count}>{group.spans.length > 99 ? '99+' : group.spans.length}</span>
            </button>
          </li>
        )
      })}
    </ul>
  )
}

function around(spans: Span[]): Stretch {
  const from = Math.min(...spans.map((span) => span.from))
  const to = Math.max(...spans.map((span) => span.from))
  return zoomed({ from, to }, 1.5, (from + to) / 2, Date.now())
}

function spanWords(span: Span, zone: string | undefined): string {
  const until = span.to === null ? 'still on' : `until ${moment(span.to, zone)}`
  return `${SEVERITY[span.severity].word}: ${span.name}, ${moment(span.from, zone)}, ${until}`
}
