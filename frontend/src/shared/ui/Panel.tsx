import { Title } from '@mantine/core'
import { useId } from 'react'
import classes from './Panel.module.css'

interface Props {
  title?: string
  /** A count or a note beside the title. */
  note?: React.ReactNode
  actions?: React.ReactNode
  /** Rows that reach the edges, such as a list. */
  flush?: boolean
  children: React.ReactNode
}

/** A surface with one subject. */
export function Panel({ title, note, actions, flush, children }: Props) {
  const id = useId()
  return (
    <section className={classes.panel} aria-labelledby={title ? id : undefined}>
      {(title || actions) && (
        <header className={classes.head}>
          <div className={classes.title}>
            <Title order={2} id={id}>
              {title}
            </Title>
            {note && <span className={classes.note}>{note}</span>}
          </div>
          {actions}
        </header>
      )}
      <div className={classes.body} data-flush={flush || undefined}>
        {children}
      </div>
    </section>
  )
}
