import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { CodeField } from '@/shared/ui/CodeField'
import { Complaint, useSecondsLeft } from '@/shared/ui/Complaint'
import { besides, Dialog, fieldError, Words } from '@/shared/ui/Dialog'
import { IconMail, IconPlus } from '@/shared/ui/icons'
import { Panel } from '@/shared/ui/Panel'
import { StatusBadge } from '@/shared/ui/StatusBadge'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { toast } from '@/shared/ui/toast'
import { dayOf } from '@/shared/units'
import { ProfileLink } from './OwnZone'
import {
  addContact,
  type Channel,
  type ContactMethod,
  contactsQuery,
  removeContact,
  sendCode,
  verifyContact,
  wishesQuery,
} from './queries'
import classes from './Telling.module.css'
import { CHANNELS } from './words'

type Asking = { what: 'add' } | { what: 'code' | 'remove'; contact: ContactMethod }

/** The addresses and numbers at which the person is told, and the proof that they are the person's own. */
export function ContactsPanel() {
  const contacts = useQuery(contactsQuery)
  // Told with the wishes. Until then nothing is offered, and nothing said to be missing.
  const kinds = useQuery(wishesQuery).data?.available
  const [asking, setAsking] = useState<Asking | null>(null)
  const close = () => setAsking(null)
  return (
    <Panel
      title="Where you are told"
      flush
      actions={
        kinds &&
        kinds.length > 0 && (
          <Button variant="default" leftSection={<IconPlus size={18} />} onClick={() => setAsking({ what: 'add' })}>
            Add
          </Button>
        )
      }
    >
      {contacts.isPending && <Loading rows={2} />}
      {contacts.error && !contacts.data && <Trouble error={contacts.error} retry={() => void contacts.refetch()} />}
      {contacts.data?.length === 0 && (
        <Empty icon={<IconMail />} title="Nothing yet">
          You see what happens in the app only. Add an address, so that alerts find you.
        </Empty>
      )}
      {contacts.data && contacts.data.length > 0 && (
        <ul className={classes.rows}>
          {contacts.data.map((contact) => (
            <Row
              key={contact.id}
              contact={contact}
              possible={!kinds || kinds.includes(contact.kind)}
              onCode={(sent) => setAsking({ what: 'code', contact: sent })}
              onRemove={() => setAsking({ what: 'remove', contact })}
            />
          ))}
        </ul>
      )}
      {asking?.what === 'add' && kinds && (
        <AddDialog kinds={kinds} onClose={close} onAdded={(contact) => setAsking({ what: 'code', contact })} />
      )}
      {asking?.what === 'code' && <CodeDialog contact={asking.contact} onClose={close} />}
      {asking?.what === 'remove' && <RemoveDialog contact={asking.contact} onClose={close} />}
    </Panel>
  )
}

interface RowProps {
  contact: ContactMethod
  /** Whether this installation sends by this channel. */
  possible: boolean
  /** A code is on its way, or was sent before. */
  onCode: (contact: ContactMethod) => void
  onRemove: () => void
}

function Row({ contact, possible, onCode, onRemove }: RowProps) {
  const client = useQueryClient()
  const { address, kind, sign_in: isSignIn } = contact
  const works = contact.verified_at !== null && contact.disabled_at === null
  const sending = useMutation({
    mutationFn: () => sendCode(contact.id),
    onSuccess: (sent) => {
      onCode(sent)
      return client.invalidateQueries(contactsQuery)
    },
  })
  return (
    <li className={classes.row}>
      <div className={classes.facts}>
        <p className={classes.name}>
          {address}
          <State contact={contact} />
        </p>
        <p className={classes.about}>
          {CHANNELS[kind].word}
          {isSignIn && (
            <>
              . You sign in with it; to change it, go to <ProfileLink />
            </>
          )}
          .{!possible && ' Nothing is sent this way here at present.'}
        </p>
        {contact.disabled_at && <SwitchedOff because={contact.disabled_because} since={contact.disabled_at} />}
        {!works && !contact.disabled_at && (
          <p className={classes.about}>Nothing is sent here until you have typed the code that we send to it.</p>
        )}
        <Complaint error={sending.error} />
      </div>
      <div className={classes.buttons}>
        {!works && possible && contact.code_sent_at && (
          <Button aria-label={`Enter the code for ${address}`} onClick={() => onCode(contact)}>
            Enter code
          </Button>
        )}
        {!works && possible && (
          <Button
            variant="default"
            aria-label={`Send a code to ${address}`}
            loading={sending.isPending}
            onClick={() => sending.mutate()}
          >
            {contact.code_sent_at ? 'Send again' : 'Send a code'}
          </Button>
        )}
        {!isSignIn && (
          <Button variant="default" aria-label={`Remove ${address}`} onClick={onRemove}>
            Remove
          </Button>
        )}
      </div>
    </li>
  )
}

function State({ contact }: { contact: ContactMethod }) {
  if (contact.disabled_at) return <StatusBadge tone="critical">Switched off</StatusBadge>
  if (contact.verified_at === null) return <StatusBadge tone="warning">Not verified</StatusBadge>
  return <StatusBadge tone="ok">Verified</StatusBadge>
}

/** Why nothing is sent there any more, and the way back. */
function SwitchedOff({ because, since }: { because: string; since: string }) {
  return (
    <p className={classes.about}>
      {`Nothing is sent here since ${dayOf(since)}`}
      {because ? `: ${because.replace(/[.\s]+$/, '')}. ` : '. '}
      Check that the address is right and takes our messages, then send a code to it: typing that code switches it on
      again.
    </p>
  )
}

interface AddProps {
  kinds: readonly Channel[]
  onClose: () => void
  onAdded: (contact: ContactMethod) => void
}

function AddDialog({ kinds, onClose, onAdded }: AddProps) {
  const client = useQueryClient()
  const [kind, setKind] = useState<Channel>(kinds[0] ?? 'email')
  const [address, setAddress] = useState('')
  const adding = useMutation({
    mutationFn: () => addContact({ kind, address: address.trim() }),
    onSuccess: (contact) => {
      onAdded(contact)
      return client.invalidateQueries({ queryKey: ['telling'] })
    },
  })
  const waits = useSecondsLeft(adding.error) > 0
  const { field, input } = CHANNELS[kind]
  return (
    <Dialog
      title="Add where you are told"
      opened
      onClose={onClose}
      onSubmit={() => address.trim() && adding.mutate()}
      submit="Send code"
      pending={adding.isPending}
      disabled={waits}
    >
      <Words>We send a code there first. Nothing else is sent until you have typed it.</Words>
      {kinds.length > 1 && (
        <NativeSelect
          label="Kind"
          size="md"
          value={kind}
          onChange={(event) => setKind(event.currentTarget.value as Channel)}
          data={kinds.map((each) => ({ value: each, label: CHANNELS[each].word }))}
        />
      )}
      <TextInput
        label={field}
        type={input}
        inputMode={input}
        autoCapitalize="off"
        autoComplete={input}
        spellCheck={false}
        value={address}
        onChange={(event) => setAddress(event.currentTarget.value)}
        error={fieldError(adding.error, 'address')}
        maxLength={320}
        data-autofocus
      />
      <Complaint error={besides(adding.error, 'address')} />
    </Dialog>
  )
}

function CodeDialog({ contact, onClose }: { contact: ContactMethod; onClose: () => void }) {
  const client = useQueryClient()
  const [code, setCode] = useState('')
  const refresh = () => client.invalidateQueries({ queryKey: ['telling'] })
  const verifying = useMutation({
    mutationFn: (typed: string) => verifyContact(contact.id, typed),
    onSuccess: () => {
      toast({ tone: 'ok', title: `${contact.address} is verified`, seconds: 4 })
      onClose()
      return refresh()
    },
  })
  const again = useMutation({
    mutationFn: () => sendCode(contact.id),
    onSuccess: () => {
      setCode('')
      verifying.reset()
      toast({ tone: 'ok', title: 'A new code is on its way', seconds: 4 })
      return refresh()
    },
  })
  const waits = useSecondsLeft(verifying.error) > 0
  const verify = (typed: string) => {
    if (typed && !verifying.isPending && !waits) verifying.mutate(typed)
  }
  return (
    <Dialog
      title={`Verify ${contact.address}`}
      opened
      onClose={onClose}
      onSubmit={() => verify(code)}
      submit="Verify"
      cancel="Later"
      pending={verifying.isPending}
      disabled={waits}
    >
      <CodeField
        label={`Code that was sent to ${contact.address}`}
        description="Good for 15 minutes. Look among unwanted mail too."
        value={code}
        onChange={setCode}
        onComplete={verify}
        error={fieldError(verifying.error, 'code')}
      />
      <Complaint error={besides(verifying.error, 'code') ?? again.error} />
      <div>
        <Button variant="subtle" loading={again.isPending} onClick={() => again.mutate()}>
          Send a new code
        </Button>
      </div>
    </Dialog>
  )
}

function RemoveDialog({ contact, onClose }: { contact: ContactMethod; onClose: () => void }) {
  const client = useQueryClient()
  const removing = useMutation({
    mutationFn: () => removeContact(contact.id),
    onSuccess: () => {
      toast({ tone: 'ok', title: `${contact.address} is removed`, seconds: 4 })
      onClose()
      return client.invalidateQueries({ queryKey: ['telling'] })
    },
  })
  return (
    <Dialog
      title={`Remove ${contact.address}?`}
      opened
      onClose={onClose}
      onSubmit={() => removing.mutate()}
      submit="Remove"
      danger
      pending={removing.isPending}
      error={removing.error}
    >
      <Words>Nothing is sent there any more. You can add it again, with a new code.</Words>
    </Dialog>
  )
}
