import { Skeleton } from '@mantine/core'
import classes from './DashboardPage.module.css'

/** The dashboard's shape while it loads. */
export function DashboardSkeleton() {
  return (
    <div role="status" aria-label="Loading the units">
      <div className={classes.counts}>
        {['a', 'b', 'c', 'd', 'e'].map((key) => (
          <Skeleton key={key} height={64} radius="md" />
        ))}
      </div>
      <Skeleton height={20} width={160} radius="sm" my="lg" />
      <div className={classes.tiles}>
        {['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((key) => (
          <Skeleton key={key} height={128} radius="lg" />
        ))}
      </div>
    </div>
  )
}
