import { useQuery } from '@tanstack/react-query'
import { useMember } from '@/shared/member'
import { sitesQuery } from '@/shared/sites'
import { IconStore } from '@/shared/ui/icons'
import classes from './RestrictedHint.module.css'

const NAMED = 2

/** Tells a member who is restricted to some sites why there aren't more. */
export function RestrictedHint() {
  const { organization, sites } = useMember()
  const seen = useQuery({ ...sitesQuery(organization), enabled: sites !== null }).data
  if (!sites) return null
  const names = seen?.slice(0, NAMED).map(({ name }) => name) ?? []
  const more = sites.length - names.length
  const words =
    names.length > 0 ? [...names, ...(more > 0 ? [`${more} more`] : [])].join(', ') : `${sites.length} sites`
  return (
    <p className={classes.hint}>
      <IconStore size={16} />
      <span>You see {words} only.</span>
    </p>
  )
}
