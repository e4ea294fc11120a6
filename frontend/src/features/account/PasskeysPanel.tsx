import { Button, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { passkeysPossible } from '@/shared/passkeys'
import { Complaint } from '@/shared/ui/Complaint'
import { besides, Dialog, fieldError, Words } from '@/shared/ui/Dialog'
import { IconPlus } from '@/shared/ui/icons'
import { Panel } from '@/shared/ui/Panel'
import { Loading, Trouble } from '@/shared/ui/states'
import { toast } from '@/shared/ui/toast'
import { dayOf } from '@/shared/units'
import classes from './Account.module.css'
import { deviceOf } from './devices'
import { told, useProven } from './Proof'
import {
  addPasskey,
  authenticatorsQuery,
  type Passkey,
  removePasskey,
  renamePasskey,
  showRecoveryCodes,
} from './queries'
import { RecoveryCodes } from './RecoveryCodes'

type Asking = { what: 'add' } | { what: 'rename' | 'remove'; passkey: Passkey }

/** Passkeys: signing in with a finger, a face or a key instead of a password. */
export function PasskeysPanel({ email }: { email: string }) {
  const authenticators = useQuery(authenticatorsQuery)
  const passkeys = authenticators.data?.filter((each): each is Passkey => each.type === 'webauthn')
  const [asking, setAsking] = useState<Asking | null>(null)
  const [codes, setCodes] = useState<string[] | null>(null)
  const close = () => setAsking(null)
  const possible = passkeysPossible()
  return (
    <Panel
      title="Passkeys"
      flush
      actions={
        possible && (
          <Button variant="default" leftSection={<IconPlus size={18} />} onClick={() => setAsking({ what: 'add' })}>
            Add passkey
          </Button>
        )
      }
    >
      {authenticators.isPending && <Loading rows={2} />}
      {authenticators.error && <Trouble error={authenticators.error} retry={() => void authenticators.refetch()} />}
      {passkeys?.length === 0 && (
        <p className={classes.empty}>
          {possible
            ? 'None yet. With a passkey you sign in with your finger, your face or a security key: nothing to type, and nothing that can be stolen.'
            : "None. This browser doesn't know passkeys, or FreshTrack is open at an address without a name."}
        </p>
      )}
      {passkeys && passkeys.length > 0 && (
        <ul className={classes.rows}>
          {passkeys.map((passkey) => (
            <li key={passkey.id} className={classes.row}>
              <div className={classes.facts}>
                <p className={classes.name}>{passkey.name}</p>
                <p className={classes.about}>
                  {`Added on ${dayOf(passkey.created_at * 1000)}`}
                  {passkey.last_used_at ? `, last used on ${dayOf(passkey.last_used_at * 1000)}` : ', never used'}
                </p>
              </div>
              <div className={classes.buttons}>
                <Button
                  variant="default"
                  aria-label={`Rename ${passkey.name}`}
                  onClick={() => setAsking({ what: 'rename', passkey })}
                >
                  Rename
                </Button>
                <Button
                  variant="default"
                  aria-label={`Remove ${passkey.name}`}
                  onClick={() => setAsking({ what: 'remove', passkey })}
                >
                  Remove
                </Button>
              </div>
            </li>
          ))}
        </ul>
      )}
      {asking?.what === 'add' && <AddDialog onClose={close} onCodes={setCodes} />}
      {asking?.what === 'rename' && <RenameDialog passkey={asking.passkey} onClose={close} />}
      {asking?.what === 'remove' && <RemoveDialog passkey={asking.passkey} onClose={close} />}
      {codes && <RecoveryCodes codes={codes} email={email} onClose={() => setCodes(null)} />}
    </Panel>
  )
}

function AddDialog({ onClose, onCodes }: { onClose: () => void; onCodes: (codes: string[]) => void }) {
  const client = useQueryClient()
  const proven = useProven()
  const [name, setName] = useState(() => deviceOf(navigator.userAgent))
  const adding = useMutation({
    mutationFn: async () => {
      const firstFactor = await proven(() => addPasskey(name.trim()))
      return firstFactor ? proven(showRecoveryCodes) : null
    },
    onSuccess: async (codes) => {
      onClose()
      if (codes) onCodes(codes)
      else toast({ tone: 'ok', title: 'Passkey added', seconds: 4 })
      await client.invalidateQueries(authenticatorsQuery)
    },
  })
  const error = told(adding.error)
  return (
    <Dialog
      title="Add a passkey"
      opened
      onClose={onClose}
      onSubmit={() => adding.mutate()}
      submit="Continue"
      pending={adding.isPending}
    >
      <Words>Your browser asks next which device keeps it. Give it a name by which you know it again.</Words>
      <Complaint error={besides(error, 'name')} />
      <Name value={name} onChange={setName} error={fieldError(error, 'name')} />
    </Dialog>
  )
}

interface NameProps {
  value: string
  onChange: (name: string) => void
  error: string | undefined
}

function Name({ value, onChange, error }: NameProps) {
  return (
    <TextInput
      label="Name"
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      error={error}
      maxLength={100}
      autoComplete="off"
      data-autofocus
    />
  )
}

function RenameDialog({ passkey, onClose }: { passkey: Passkey; onClose: () => void }) {
  const client = useQueryClient()
  const proven = useProven()
  const [name, setName] = useState(passkey.name)
  const renaming = useMutation({
    mutationFn: () => proven(() => renamePasskey(passkey.id, name.trim())),
    onSuccess: async () => {
      await client.invalidateQueries(authenticatorsQuery)
      onClose()
    },
  })
  const error = told(renaming.error)
  return (
    <Dialog
      title="Rename passkey"
      opened
      onClose={onClose}
      onSubmit={() => name.trim() && renaming.mutate()}
      submit="Rename"
      pending={renaming.isPending}
      error={besides(error, 'name')}
    >
      <Name value={name} onChange={setName} error={fieldError(error, 'name')} />
    </Dialog>
  )
}

function RemoveDialog({ passkey, onClose }: { passkey: Passkey; onClose: () => void }) {
  const client = useQueryClient()
  const proven = useProven()
  const removing = useMutation({
    mutationFn: () => proven(() => removePasskey(passkey.id)),
    onSuccess: async () => {
      await client.invalidateQueries(authenticatorsQuery)
      toast({ tone: 'ok', title: 'Passkey removed', seconds: 4 })
      onClose()
    },
  })
  return (
    <Dialog
      title={`Remove ${passkey.name}?`}
      opened
      onClose={onClose}
      onSubmit={() => removing.mutate()}
      submit="Remove"
      danger
      pending={removing.isPending}
      error={told(removing.error)}
    >
      <Words>Nobody can sign in with it afterwards. The device may still offer it: delete it there as well.</Words>
    </Dialog>
  )
}
