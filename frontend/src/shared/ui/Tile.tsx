import { StatusBadge } from './StatusBadge'
import type { Tone } from './status'
import classes from './Tile.module.css'

interface Props {
  tone: Tone
  status: string
  title: string
  subtitle: string
  value: React.ReactNode
  aside?: React.ReactNode
  foot: React.ReactNode
  /** Wraps the title in a link; the whole tile becomes its target. */
  link: (content: React.ReactNode, className: string | undefined) => React.ReactNode
}

/** One thing and its state now. Calm while it is well; tinted and edged when somebody should look. */
export function Tile({ tone, status, title, subtitle, value, aside, foot, link }: Props) {
  return (
    <article className={classes.tile} data-tone={tone}>
      <div className={classes.names}>
        <h3 className={classes.title}>{link(title, classes.link)}</h3>
        <p className={classes.subtitle}>{subtitle}</p>
      </div>
      <div className={classes.values}>
        {value}
        {aside && <div className={classes.aside}>{aside}</div>}
      </div>
      <div className={classes.foot}>
        <StatusBadge tone={tone}>{status}</StatusBadge>
        <span className={classes.age}>{foot}</span>
      </div>
    </article>
  )
}
