import { Notifications } from '@mantine/notifications'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { meQuery } from '@/features/session/queries'
import { Logo } from '@/shared/ui/Logo'
import classes from './Outside.module.css'
import { useBackToSignIn } from './useBackToSignIn'

/** The frame of what belongs to no organization: the mark leads back to the first one. */
export function Outside({ children }: { children: React.ReactNode }) {
  useBackToSignIn(useQuery(meQuery).data === null)
  return (
    <div className={classes.outside}>
      <header className={classes.brand}>
        <Link to="/" className={classes.home}>
          <Logo />
          FreshTrack
        </Link>
        <Link to="/account" className={classes.account}>
          Account
        </Link>
      </header>
      <main className={classes.content}>{children}</main>
      <Notifications position="top-right" limit={4} pauseResetOnHover="notification" zIndex={300} />
    </div>
  )
}
