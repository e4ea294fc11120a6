/** What a panel shows instead of its content: nothing yet, nothing there, or trouble. */

import { Button, Skeleton } from '@mantine/core'
import { Problem } from '@/shared/api/client'
import { StatusMark } from './StatusBadge'
import classes from './states.module.css'

interface EmptyProps {
  icon?: React.ReactNode
  title: string
  children?: React.ReactNode
}

export function Empty({ icon, title, children }: EmptyProps) {
  return (
    <div className={classes.state}>
      {icon && (
        <span className={classes.icon} aria-hidden="true">
          {icon}
        </span>
      )}
      <p className={classes.title}>{title}</p>
      {children && <div className={classes.words}>{children}</div>}
    </div>
  )
}

/** Says what went wrong and offers another try. */
export function Trouble({ error, retry }: { error: Error; retry?: () => void }) {
  const words = error instanceof Problem ? error.message : 'Something went wrong on this page.'
  return (
    <div className={classes.state} role="alert">
      <StatusMark tone="fault" size={24} />
      <p className={classes.title}>{words}</p>
      {error instanceof Problem && error.requestId && (
        <p className={classes.words}>If you ask for help, mention request {error.requestId}.</p>
      )}
      {retry && (
        <Button variant="default" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  )
}

/** Grey lines in the shape of what is coming. */
export function Loading({ rows = 4, height = 20 }: { rows?: number; height?: number }) {
  return (
    <div className={classes.loading} role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are all the same and never move
        <Skeleton key={row} height={height} radius="sm" width={`${100 - ((row * 17) % 40)}%`} />
      ))}
    </div>
  )
}
