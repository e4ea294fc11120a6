/** The ways out: leaving, handing the organization to somebody else, deleting it. */

import { Button, Select, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { may, useMember } from '@/shared/member'
import { Dialog, Words } from '@/shared/ui/Dialog'
import { Panel } from '@/shared/ui/Panel'
import { toast } from '@/shared/ui/toast'
import classes from './Form.module.css'
import { LeaveDialog } from './LeaveDialog'
import { handOver, membersQuery } from './people'
import { deletedOrganizationsQuery, deleteOrganization, refetchMe } from './queries'

interface Props {
  onGone: () => void
}

export function DangerZone({ onGone }: Props) {
  const member = useMember()
  const [dialog, setDialog] = useState<'leave' | 'transfer' | 'delete' | null>(null)
  const close = () => setDialog(null)
  return (
    <Panel title="Leaving and deleting" flush>
      <ul className={classes.parts}>
        <li className={classes.part}>
          <div>
            <p className={classes.what}>Leave this organization</p>
            <p className={classes.about}>You lose access at once. Somebody can invite you again.</p>
          </div>
          <Button variant="default" onClick={() => setDialog('leave')}>
            Leave
          </Button>
        </li>
        {may(member, 'organization.transfer') && (
          <li className={classes.part}>
            <div>
              <p className={classes.what}>Transfer ownership</p>
              <p className={classes.about}>Another member becomes owner, and you an administrator.</p>
            </div>
            <Button variant="default" onClick={() => setDialog('transfer')}>
              Transfer
            </Button>
          </li>
        )}
        {may(member, 'organization.delete') && (
          <li className={classes.part}>
            <div>
              <p className={classes.what}>Delete this organization</p>
              <p className={classes.about}>Nobody is watched or alerted any more. You can restore it for 30 days.</p>
            </div>
            <Button color="danger" variant="outline" onClick={() => setDialog('delete')}>
              Delete
            </Button>
          </li>
        )}
      </ul>
      <LeaveDialog opened={dialog === 'leave'} onClose={close} onGone={onGone} />
      {dialog === 'transfer' && <TransferDialog onClose={close} />}
      {dialog === 'delete' && <DeleteDialog onClose={close} onGone={onGone} />}
    </Panel>
  )
}

function TransferDialog({ onClose }: { onClose: () => void }) {
  const { organization, organizationName } = useMember()
  const client = useQueryClient()
  const members = useQuery(membersQuery(organization)).data ?? []
  const others = members.filter(({ is_you, role }) => !is_you && role !== 'owner')
  const [chosen, setChosen] = useState<string | null>(null)
  const transferring = useMutation({
    mutationFn: (id: string) => handOver(organization, id),
    onSuccess: async ({ user }) => {
      toast({ tone: 'ok', title: `${user.name || user.email} owns ${organizationName} now`, seconds: 8 })
      onClose()
      await Promise.all([refetchMe(client), client.invalidateQueries(membersQuery(organization))])
    },
  })
  return (
    <Dialog
      title="Transfer ownership"
      opened
      onClose={onClose}
      onSubmit={() => chosen && transferring.mutate(chosen)}
      submit="Transfer ownership"
      pending={transferring.isPending}
      disabled={!chosen}
      danger
      error={transferring.error}
    >
      <Words>
        The new owner can do everything, also remove you. You become an administrator and can't take ownership back
        yourself.
      </Words>
      <Select
        label="New owner"
        placeholder={others.length > 0 ? 'Choose a member' : 'There is nobody else yet: invite somebody first.'}
        size="md"
        data={others.map(({ id, user }) => ({
          value: id,
          label: user.name ? `${user.name} (${user.email})` : user.email,
        }))}
        value={chosen}
        onChange={setChosen}
        disabled={others.length === 0}
        searchable
        nothingFoundMessage="No such member"
        data-autofocus
      />
    </Dialog>
  )
}

function DeleteDialog({ onClose, onGone }: { onClose: () => void; onGone: () => void }) {
  const { organization, organizationName } = useMember()
  const client = useQueryClient()
  const [typed, setTyped] = useState('')
  const deleting = useMutation({
    mutationFn: () => deleteOrganization(organization),
    onSuccess: async () => {
      toast({ tone: 'ok', title: `${organizationName} was deleted`, seconds: 8 })
      void client.invalidateQueries(deletedOrganizationsQuery)
      await refetchMe(client)
      onGone()
    },
  })
  return (
    <Dialog
      title={`Delete ${organizationName}?`}
      opened
      onClose={onClose}
      onSubmit={() => deleting.mutate()}
      submit="Delete organization"
      pending={deleting.isPending}
      disabled={typed.trim() !== organizationName}
      danger
      error={deleting.error}
    >
      <Words>
        At once: every member loses access, sensors are refused, and nobody is alerted. For 30 days any owner can
        restore everything as it was. After that readings, alerts and records are gone for good.
      </Words>
      <TextInput
        label={`Type “${organizationName}” to confirm`}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        autoComplete="off"
        data-autofocus
      />
    </Dialog>
  )
}
