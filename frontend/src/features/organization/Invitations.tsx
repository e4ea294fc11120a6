import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Problem } from '@/shared/api/client'
import type { Invitation } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { useNow } from '@/shared/now'
import { Dialog, Words } from '@/shared/ui/Dialog'
import { IconMail } from '@/shared/ui/icons'
import { Panel } from '@/shared/ui/Panel'
import { StatusBadge } from '@/shared/ui/StatusBadge'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { toast } from '@/shared/ui/toast'
import { dayOf, duration } from '@/shared/units'
import { invitationsQuery, resendInvitation, revokeInvitation } from './people'
import { ROLES } from './roles'
import { useSiteNames } from './siteNames'
import classes from './Table.module.css'

/** Who was invited and hasn't come yet. */
export function Invitations() {
  const { organization } = useMember()
  const invitations = useQuery(invitationsQuery(organization))
  const [revoking, setRevoking] = useState<Invitation | null>(null)
  const waiting = invitations.data
  return (
    <Panel title="Invitations" note={waiting && waiting.length > 0 && String(waiting.length)} flush>
      {invitations.isPending && <Loading rows={2} />}
      {invitations.error && !waiting && <Trouble error={invitations.error} retry={() => void invitations.refetch()} />}
      {waiting?.length === 0 && (
        <Empty icon={<IconMail />} title="Nobody is invited right now">
          An invitation stays here until it is accepted.
        </Empty>
      )}
      {waiting && waiting.length > 0 && (
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">Address</th>
              <th scope="col">Role</th>
              <th scope="col">Sites</th>
              <th scope="col">Open for</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {waiting.map((invitation) => (
              <Row key={invitation.id} invitation={invitation} onRevoke={() => setRevoking(invitation)} />
            ))}
          </tbody>
        </table>
      )}
      {revoking && <RevokeDialog invitation={revoking} onClose={() => setRevoking(null)} />}
    </Panel>
  )
}

function Row({ invitation, onRevoke }: { invitation: Invitation; onRevoke: () => void }) {
  const { organization } = useMember()
  const client = useQueryClient()
  const sitesOf = useSiteNames()
  const left = useNow((now) => {
    const ms = Date.parse(invitation.expires_at) - now
    return ms > 0 ? duration(ms) : ''
  })
  const resending = useMutation({
    mutationFn: () => resendInvitation(organization, invitation.id),
    onSuccess: () => toast({ tone: 'ok', title: `Sent to ${invitation.email} again`, seconds: 4 }),
    onError: (error) =>
      toast({
        tone: 'warning',
        title: error instanceof Problem ? error.message : 'The invitation was not sent. Try again.',
        seconds: 10,
      }),
    onSettled: () => client.invalidateQueries(invitationsQuery(organization)),
  })
  const { invited_by: by } = invitation
  return (
    <tr>
      <th scope="row" className={classes.who}>
        <span>{invitation.email}</span>
        <span className={classes.small}>
          {by ? `by ${by.name || by.email}, ` : ''}
          {dayOf(invitation.created_at)}
        </span>
      </th>
      <td data-label="Role">{ROLES[invitation.role].word}</td>
      <td data-label="Sites">{sitesOf(invitation.sites)}</td>
      <td data-label="Open for" className="numbers">
        {left || (
          <StatusBadge tone="warning" quiet>
            Expired
          </StatusBadge>
        )}
      </td>
      <td className={classes.actions}>
        <Button
          variant="default"
          loading={resending.isPending}
          onClick={() => resending.mutate()}
          aria-label={`Resend to ${invitation.email}`}
        >
          Resend
        </Button>
        <Button
          variant="subtle"
          color="danger"
          onClick={onRevoke}
          aria-label={`Revoke the invitation of ${invitation.email}`}
        >
          Revoke
        </Button>
      </td>
    </tr>
  )
}

function RevokeDialog({ invitation, onClose }: { invitation: Invitation; onClose: () => void }) {
  const { organization } = useMember()
  const client = useQueryClient()
  const revoking = useMutation({
    mutationFn: () => revokeInvitation(organization, invitation.id),
    onSuccess: async () => {
      toast({ tone: 'ok', title: `The invitation of ${invitation.email} was revoked`, seconds: 4 })
      onClose()
      await client.invalidateQueries(invitationsQuery(organization))
    },
  })
  return (
    <Dialog
      title="Revoke invitation?"
      opened
      onClose={onClose}
      onSubmit={() => revoking.mutate()}
      submit="Revoke"
      pending={revoking.isPending}
      danger
      error={revoking.error}
    >
      <Words>The link that {invitation.email} got stops working at once. You can invite them again.</Words>
    </Dialog>
  )
}
