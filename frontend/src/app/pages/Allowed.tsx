import { Link } from '@tanstack/react-router'
import type { Action } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { IconLock } from '@/shared/ui/icons'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { Empty } from '@/shared/ui/states'
import { useTitle } from '@/shared/ui/useTitle'
import classes from './Fallbacks.module.css'

interface Props {
  action: Action
  title: string
  children: React.ReactNode
}

/** A page for those who may; anybody else is told so, whichever link led here. */
export function Allowed({ action, title, children }: Props) {
  const member = useMember()
  useTitle(title)
  if (may(member, action)) return children
  return (
    <Page title={title} above={member.organizationName}>
      <Panel>
        <Empty icon={<IconLock />} title="This page isn't for your role">
          <p className={classes.words}>
            {member.sites
              ? 'It concerns the whole organization, and you are restricted to some sites.'
              : 'Ask an owner or an administrator if you need it.'}
          </p>
          <Link to="/o/$org" params={{ org: member.organization }} className={classes.link}>
            Go to the dashboard
          </Link>
        </Empty>
      </Panel>
    </Page>
  )
}
