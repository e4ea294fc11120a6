/** Inviting somebody, changing what a member may do, removing one. */

import { TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Colleague } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { besides, Dialog, fieldError, Words } from '@/shared/ui/Dialog'
import { toast } from '@/shared/ui/toast'
import { PlaceFields } from './PlaceFields'
import { changeMember, invitationsQuery, invite, membersQuery, type Place, removeMember } from './people'
import { refetchMe } from './queries'

const CHOOSE = 'Choose at least one site, or all of them.'

const chooses = ({ sites }: Place): boolean => sites === null || sites.length > 0

export const nameOf = ({ user }: Colleague): string => user.name || user.email

export function InviteDialog({ onClose }: { onClose: () => void }) {
  const { organization, organizationName } = useMember()
  const client = useQueryClient()
  const [email, setEmail] = useState('')
  const [place, setPlace] = useState<Place>({ role: 'staff', sites: null })
  const [tried, setTried] = useState(false)
  const inviting = useMutation({
    mutationFn: () => invite(organization, { email: email.trim(), ...place }),
    onSuccess: async (invitation) => {
      toast({ tone: 'ok', title: `Invitation sent to ${invitation.email}`, seconds: 4 })
      onClose()
      await client.invalidateQueries(invitationsQuery(organization))
    },
  })
  const noAddress = !email.includes('@')
  return (
    <Dialog
      title="Invite somebody"
      opened
      onClose={onClose}
      onSubmit={() => {
        setTried(true)
        if (!noAddress && chooses(place)) inviting.mutate()
      }}
      submit="Send invitation"
      pending={inviting.isPending}
      error={besides(inviting.error, 'email', 'role', 'sites')}
      size="lg"
    >
      <Words>They get a link by e-mail to join {organizationName}. It works once, and only for this address.</Words>
      <TextInput
        label="E-mail"
        type="email"
        value={email}
        onChange={(event) => setEmail(event.currentTarget.value)}
        error={tried && noAddress ? 'Enter an e-mail address.' : fieldError(inviting.error, 'email')}
        maxLength={254}
        autoComplete="off"
        required
        withAsterisk={false}
        data-autofocus
      />
      <PlaceFields
        place={place}
        onChange={setPlace}
        errors={{
          role: fieldError(inviting.error, 'role'),
          sites: tried && !chooses(place) ? CHOOSE : fieldError(inviting.error, 'sites'),
        }}
      />
    </Dialog>
  )
}

export function ChangeMemberDialog({ member, onClose }: { member: Colleague; onClose: () => void }) {
  const { organization } = useMember()
  const client = useQueryClient()
  const [place, setPlace] = useState<Place>({ role: member.role, sites: member.sites })
  const [tried, setTried] = useState(false)
  const changing = useMutation({
    mutationFn: () => changeMember(organization, member.id, place),
    onSuccess: async (changed) => {
      client.setQueryData(membersQuery(organization).queryKey, (members) =>
        members?.map((each) => (each.id === changed.id ? changed : each)),
      )
      toast({ tone: 'ok', title: `${nameOf(member)} was changed`, seconds: 4 })
      onClose()
      await client.invalidateQueries(membersQuery(organization))
    },
  })
  return (
    <Dialog
      title={`Change ${nameOf(member)}`}
      opened
      onClose={onClose}
      onSubmit={() => {
        setTried(true)
        if (chooses(place)) changing.mutate()
      }}
      submit="Save"
      pending={changing.isPending}
      error={besides(changing.error, 'role', 'sites')}
      size="lg"
    >
      <PlaceFields
        place={place}
        onChange={setPlace}
        errors={{
          role: fieldError(changing.error, 'role'),
          sites: tried && !chooses(place) ? CHOOSE : fieldError(changing.error, 'sites'),
        }}
      />
    </Dialog>
  )
}

export function RemoveMemberDialog({ member, onClose }: { member: Colleague; onClose: () => void }) {
  const { organization, organizationName } = useMember()
  const client = useQueryClient()
  const removing = useMutation({
    mutationFn: () => removeMember(organization, member.id),
    onSuccess: async () => {
      toast({ tone: 'ok', title: `${nameOf(member)} was removed`, seconds: 4 })
      onClose()
      await Promise.all([client.invalidateQueries(membersQuery(organization)), refetchMe(client)])
    },
  })
  return (
    <Dialog
      title={`Remove ${nameOf(member)}?`}
      opened
      onClose={onClose}
      onSubmit={() => removing.mutate()}
      submit="Remove"
      pending={removing.isPending}
      danger
      error={removing.error}
    >
      <Words>
        {nameOf(member)} loses access to {organizationName} at once, on every device. Records go on naming them, and you
        can invite them again.
      </Words>
    </Dialog>
  )
}
