import { Button, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Problem } from '@/shared/api/client'
import { CodeField } from '@/shared/ui/CodeField'
import { Complaint, useSecondsLeft } from '@/shared/ui/Complaint'
import { besides, Dialog, fieldError, Words } from '@/shared/ui/Dialog'
import { Panel } from '@/shared/ui/Panel'
import { Loading, Trouble } from '@/shared/ui/states'
import { toast } from '@/shared/ui/toast'
import classes from './Account.module.css'
import { told, useProven } from './Proof'
import { addressesQuery, changeAddress, confirmAddress, dropAddress, sendAddressCode } from './queries'

/** The address one signs in with, and the way to another. */
export function AddressPanel() {
  const addresses = useQuery(addressesQuery)
  const [asking, setAsking] = useState(false)
  const present = addresses.data?.find(({ verified, primary }) => verified && primary) ?? addresses.data?.[0]
  const waiting = addresses.data?.find((address) => !address.verified && address !== present)
  return (
    <Panel title="E-mail address">
      {addresses.isPending && <Loading rows={2} />}
      {addresses.error && <Trouble error={addresses.error} retry={() => void addresses.refetch()} />}
      {present && (
        <>
          <p className={classes.words}>
            You sign in with <strong>{present.email}</strong>, and alerts are sent there.
          </p>
          {waiting ? (
            <Waiting email={waiting.email} />
          ) : (
            <Button variant="default" onClick={() => setAsking(true)}>
              Change address
            </Button>
          )}
          {asking && <ChangeDialog onClose={() => setAsking(false)} />}
        </>
      )}
    </Panel>
  )
}

function ChangeDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient()
  const proven = useProven()
  const [email, setEmail] = useState('')
  const changing = useMutation({
    mutationFn: () => proven(() => changeAddress(email.trim())),
    onSuccess: async () => {
      await client.invalidateQueries(addressesQuery)
      onClose()
    },
  })
  const error = told(changing.error)
  return (
    <Dialog
      title="Change e-mail address"
      opened
      onClose={onClose}
      onSubmit={() => email.trim() && changing.mutate()}
      submit="Send code"
      pending={changing.isPending}
      error={besides(error, 'email')}
    >
      <Words>We send a code to the new address. Until you type it, everything stays as it is.</Words>
      <TextInput
        label="New address"
        type="email"
        inputMode="email"
        autoComplete="email"
        autoCapitalize="off"
        spellCheck={false}
        value={email}
        onChange={(event) => setEmail(event.currentTarget.value)}
        error={fieldError(error, 'email')}
        maxLength={254}
        data-autofocus
      />
    </Dialog>
  )
}

function Waiting({ email }: { email: string }) {
  const client = useQueryClient()
  const [code, setCode] = useState('')
  const refresh = () =>
    Promise.all([client.invalidateQueries(addressesQuery), client.invalidateQueries({ queryKey: ['me'] })])
  const proven = useProven()
  const confirming = useMutation({
    mutationFn: confirmAddress,
    onSuccess: async () => {
      await refresh()
      toast({ tone: 'ok', title: 'Address changed', seconds: 4 })
    },
  })
  const again = useMutation({
    mutationFn: sendAddressCode,
    onSuccess: () => toast({ tone: 'ok', title: 'A new code is on its way', seconds: 4 }),
  })
  const dropping = useMutation({ mutationFn: () => proven(() => dropAddress(email)), onSuccess: refresh })
  const waits = useSecondsLeft(confirming.error) > 0
  const confirm = (typed: string) => {
    if (!confirming.isPending && !waits) confirming.mutate(typed)
  }
  return (
    <form
      noValidate
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault()
        if (code) confirm(code)
      }}
    >
      <Complaint error={gone(besides(confirming.error, 'key') ?? again.error ?? told(dropping.error))} />
      <CodeField
        label={`Code that was sent to ${email}`}
        description="Good for 15 minutes. Look among unwanted mail too."
        value={code}
        onChange={setCode}
        onComplete={confirm}
        error={fieldError(confirming.error, 'key')}
      />
      <div className={classes.buttons}>
        <Button type="submit" loading={confirming.isPending} disabled={waits}>
          Confirm address
        </Button>
        <Button variant="default" loading={again.isPending} onClick={() => again.mutate()}>
          Send a new code
        </Button>
        <Button variant="subtle" loading={dropping.isPending} onClick={() => dropping.mutate()}>
          Keep the old address
        </Button>
      </div>
    </form>
  )
}

/** A code that is too old or was typed wrong too often is gone. */
function gone(error: Error | null): Error | null {
  if (!(error instanceof Problem) || error.status !== 409) return error
  return new Problem(409, 'code_gone', 'This code is void. Keep the old address, then begin again.')
}
