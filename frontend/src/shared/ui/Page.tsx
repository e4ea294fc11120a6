import { Title } from '@mantine/core'
import { useEffect, useRef } from 'react'
import classes from './Page.module.css'

interface Props {
  title: string
  /** Small line above the title: where this is. */
  above?: React.ReactNode
  /** Beside or below the title: state and facts. */
  below?: React.ReactNode
  actions?: React.ReactNode
  children: React.ReactNode
}

/** A screen: one heading that gets the focus when it opens, its actions, and panels at one distance. */
export function Page({ title, above, below, actions, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    // Without this a screen reader stays silent when a link opens another screen.
    if (document.activeElement === document.body || document.activeElement === null) heading.current?.focus()
  }, [])
  return (
    <div className={classes.page}>
      <header className={classes.head}>
        <div className={classes.titles}>
          {above && <div className={classes.above}>{above}</div>}
          <Title order={1} ref={heading} tabIndex={-1}>
            {title}
          </Title>
          {below && <div className={classes.below}>{below}</div>}
        </div>
        {actions && <div className={classes.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  )
}
