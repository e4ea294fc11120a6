import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { unreadQuery } from '@/features/inbox/queries'
import { useMember } from '@/shared/member'
import { IconInbox } from '@/shared/ui/icons'
import classes from './InboxBell.module.css'

/** How much the person hasn't read, in every organization, and the way there. Alerts have the bell. */
export function InboxBell() {
  const { organization } = useMember()
  const unread = useQuery(unreadQuery(organization)).data ?? 0
  return (
    <Link
      to="/o/$org/inbox"
      params={{ org: organization }}
      // Another look at the inbox begins with all of it.
      search={{}}
      className={classes.bell}
      title="Inbox"
      aria-label={unread > 0 ? `Inbox, ${unread} unread` : 'Inbox'}
    >
      <span className={classes.icon}>
        <IconInbox size={22} />
        {unread > 0 && (
          <span className={classes.badge} aria-hidden="true">
            {unread > 99 ? '99+' : unread}
          </span>
        )}
      </span>
    </Link>
  )
}
