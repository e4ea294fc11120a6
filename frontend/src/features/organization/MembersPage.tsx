import { ActionIcon, Button, Menu } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Colleague } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { sitesQuery } from '@/shared/sites'
import { IconDots, IconPeople } from '@/shared/ui/icons'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { dayOf } from '@/shared/units'
import { Invitations } from './Invitations'
import { LeaveDialog } from './LeaveDialog'
import { ChangeMemberDialog, InviteDialog, nameOf, RemoveMemberDialog } from './MemberDialogs'
import { membersQuery } from './people'
import { ROLES } from './roles'
import { useSiteNames } from './siteNames'
import classes from './Table.module.css'

type Doing = { what: 'invite' | 'leave' } | { what: 'change' | 'remove'; member: Colleague }

/** Who works here and what they may; for those who may, inviting, changing and removing. */
export function MembersPage({ onGone }: { onGone: () => void }) {
  const member = useMember()
  const members = useQuery(membersQuery(member.organization))
  useQuery(sitesQuery(member.organization))
  const [doing, setDoing] = useState<Doing | null>(null)
  const close = () => setDoing(null)
  const manages = may(member, 'members.change')
  return (
    <Page
      title="Members"
      above={member.organizationName}
      actions={manages && <Button onClick={() => setDoing({ what: 'invite' })}>Invite somebody</Button>}
    >
      <Panel title="People" note={members.data && String(members.data.length)} flush>
        {members.isPending && <Loading rows={4} />}
        {members.error && !members.data && <Trouble error={members.error} retry={() => void members.refetch()} />}
        {members.data?.length === 0 && <Empty icon={<IconPeople />} title="Nobody works at your sites yet" />}
        {members.data && members.data.length > 0 && <People members={members.data} onDo={setDoing} />}
      </Panel>
      {manages && <Invitations />}
      {doing?.what === 'invite' && <InviteDialog onClose={close} />}
      {doing?.what === 'change' && <ChangeMemberDialog member={doing.member} onClose={close} />}
      {doing?.what === 'remove' && <RemoveMemberDialog member={doing.member} onClose={close} />}
      <LeaveDialog opened={doing?.what === 'leave'} onClose={close} onGone={onGone} />
    </Page>
  )
}

function People({ members, onDo }: { members: Colleague[]; onDo: (doing: Doing) => void }) {
  const sitesOf = useSiteNames()
  const owners = members.filter(({ role }) => role === 'owner').length
  return (
    <table className={classes.table}>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Role</th>
          <th scope="col">Sites</th>
          <th scope="col">Since</th>
          <th scope="col">
            <span className="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {members.map((each) => (
          <tr key={each.id}>
            <th scope="row" className={classes.who}>
              <span>
                {each.user.name || each.user.email}
                {each.is_you && <span className={classes.tag}>You</span>}
              </span>
              {each.user.name && <span className={classes.small}>{each.user.email}</span>}
            </th>
            <td data-label="Role">
              <div className={classes.narrow}>
                {ROLES[each.role].word}
                {each.role === 'owner' && owners === 1 && (
                  <span className={classes.small}>The only owner: somebody else must become one first.</span>
                )}
              </div>
            </td>
            <td data-label="Sites">{sitesOf(each.sites)}</td>
            <td data-label="Since" className="numbers">
              {dayOf(each.created_at)}
            </td>
            <td className={classes.actions}>
              <Actions member={each} lastOwner={each.role === 'owner' && owners === 1} onDo={onDo} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

interface ActionsProps {
  member: Colleague
  lastOwner: boolean
  onDo: (doing: Doing) => void
}

function Actions({ member, lastOwner, onDo }: ActionsProps) {
  const me = useMember()
  // Nobody changes their own role: a slip of the finger would lock them out.
  const reaches = may(me, member.role === 'owner' ? 'owners.change' : 'members.change')
  if (member.is_you ? !may(me, 'members.leave') : !reaches || lastOwner) return null
  return (
    <Menu position="bottom-end" shadow="md">
      <Menu.Target>
        <ActionIcon variant="subtle" size={44} aria-label={`Actions for ${nameOf(member)}`}>
          <IconDots size={20} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {member.is_you ? (
          <Menu.Item onClick={() => onDo({ what: 'leave' })}>Leave the organization</Menu.Item>
        ) : (
          <>
            <Menu.Item onClick={() => onDo({ what: 'change', member })}>Change role and sites</Menu.Item>
            <Menu.Item color="danger" onClick={() => onDo({ what: 'remove', member })}>
              Remove
            </Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  )
}
