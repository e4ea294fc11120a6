import classes from './Notice.module.css'
import { StatusMark } from './StatusBadge'
import type { Tone } from './status'

interface Props {
  tone: Tone
  title: string
  children?: React.ReactNode
  /** What can be done about it. */
  action?: React.ReactNode
}

/** Something one must know about what is on the screen: a bar with its mark, its words and at most one button. */
export function Notice({ tone, title, children, action }: Props) {
  return (
    <section className={classes.notice} data-tone={tone} aria-label={title}>
      <StatusMark tone={tone} size={18} />
      <div className={classes.words}>
        <p className={classes.title}>{title}</p>
        {children && <p className={classes.text}>{children}</p>}
      </div>
      {action}
    </section>
  )
}
