import { Link } from '@tanstack/react-router'
import { clockWords } from '@/shared/units'
import classes from './Telling.module.css'

/** Whose clock these times are by, and where that is changed: quiet hours by another clock are no quiet hours. */
export function OwnZone({ zone }: { zone: string }) {
  const clock = clockWords(zone, Date.now())
  return (
    clock && (
      <p className={classes.about}>
        {`${clock.charAt(0).toUpperCase()}${clock.slice(1)}: the time zone in `}
        <ProfileLink />.
      </p>
    )
  )
}

/** The tab beside this one, inside an organization or outside of all. */
export function ProfileLink() {
  return <Link to="..">your profile</Link>
}
