import { Button, Textarea, TextInput } from '@mantine/core'
import { useState } from 'react'
import type { Alert, Colleague } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { useZone } from '@/shared/sites'
import { Dialog, fieldError, Refusal, Words } from '@/shared/ui/Dialog'
import { IconChevronRight, IconPerson } from '@/shared/ui/icons'
import { clockWords, moment } from '@/shared/units'
import { momentOfText, wallText } from '@/shared/zone'
import classes from './AlertDialogs.module.css'
import { useMove } from './moves'
import { acknowledge, assign, reopen, snooze } from './queries'
import { offers, wrongWith } from './snoozing'

interface Props {
  alert: Alert
  onClose: () => void
}

export function AcknowledgeDialog({ alert, onClose }: Props) {
  const { organization } = useMember()
  const [note, setNote] = useState('')
  const moving = useMove(alert, () => acknowledge(organization, alert.id, note.trim()), 'Alert acknowledged', onClose)
  return (
    <Dialog
      title="Acknowledge alert"
      opened
      onClose={onClose}
      submit="Acknowledge"
      pending={moving.isPending}
      error={moving.error}
      onSubmit={() => moving.mutate(undefined)}
    >
      <Words>You take charge of it. Nobody else is called until it is resolved, or until it has lasted too long.</Words>
      <NoteField note={note} onNote={setNote} />
    </Dialog>
  )
}

interface NoteProps {
  label?: string
  about?: string
  note: string
  onNote: (note: string) => void
  error?: string | undefined
}

function NoteField({
  label = 'Note',
  about = 'Optional. Everyone sees it in the timeline.',
  note,
  onNote,
  error,
}: NoteProps) {
  return (
    <Textarea
      label={label}
      description={about}
      value={note}
      onChange={(event) => onNote(event.currentTarget.value)}
      error={error}
      maxLength={2000}
      autosize
      minRows={2}
      data-autofocus
    />
  )
}

/** Quiet for a while: one tap for what people want most, an own time below. It always ends. */
export function SnoozeDialog({ alert, onClose }: Props) {
  const { organization } = useMember()
  const zone = useZone(alert.site)
  const [now] = useState(Date.now)
  const [own, setOwn] = useState<string | null>(null)
  const [tried, setTried] = useState(false)
  const moving = useMove(
    alert,
    (until: number) => snooze(organization, alert.id, { until: new Date(until).toISOString(), note: '' }),
    (moved) => `Snoozed until ${moment(moved.snoozed_until ?? now, zone)}`,
    onClose,
  )
  const until = momentOfText(own ?? '', zone)
  const wrong = own === null ? null : wrongWith(until, Date.now())
  const clock = clockWords(zone, now)
  return (
    <Dialog
      title="Snooze alert"
      opened
      onClose={onClose}
      submit={own === null ? undefined : 'Snooze'}
      pending={moving.isPending}
      error={fieldError(moving.error, 'until') ? null : moving.error}
      onSubmit={() => {
        setTried(true)
        if (!wrong) moving.mutate(until)
      }}
    >
      <Words>Nobody is told about it until then. If it lasts, everybody is told again.</Words>
      <ul className={classes.options}>
        {offers(now, zone).map((offer) => (
          <li key={offer.words}>
            <button
              type="button"
              className={classes.option}
              disabled={moving.isPending}
              onClick={() => moving.mutate(offer.until)}
            >
              <span>{offer.words}</span>
              <span className={classes.beside}>until {moment(offer.until, zone)}</span>
            </button>
          </li>
        ))}
        {own === null && (
          <li>
            <button
              type="button"
              className={classes.option}
              onClick={() => setOwn(wallText(now + 2 * 3_600_000, zone))}
            >
              <span>Another time…</span>
              <IconChevronRight size={18} />
            </button>
          </li>
        )}
      </ul>
      {own !== null && (
        <TextInput
          type="datetime-local"
          label="Until"
          description={clock && `${clock.replace('times', 'Times')}.`}
          value={own}
          onChange={(event) => setOwn(event.currentTarget.value)}
          error={(tried && wrong) || fieldError(moving.error, 'until')}
          data-autofocus
        />
      )}
    </Dialog>
  )
}

interface AssignProps extends Props {
  /** Who may see it: those it can be given to. */
  colleagues: Colleague[]
}

const MANY = 8

/** One tap: me first, then everybody who may see it. */
export function AssignDialog({ alert, colleagues, onClose }: AssignProps) {
  const { organization } = useMember()
  const [sought, setSought] = useState('')
  const moving = useMove(
    alert,
    (user: string | null) => assign(organization, alert.id, user),
    (moved) => (moved.assigned_to ? `Assigned to ${moved.assigned_to_name}` : 'Assigned to nobody'),
    onClose,
  )
  const fits = ({ user }: Colleague) => `${user.name} ${user.email}`.toLowerCase().includes(sought.trim().toLowerCase())
  const shown = colleagues
    .filter(({ user }) => user.id !== alert.assigned_to)
    .filter(fits)
    .sort((one, other) => Number(other.is_you) - Number(one.is_you) || nameOf(one).localeCompare(nameOf(other)))
  return (
    <Dialog
      title="Assign alert"
      opened
      onClose={onClose}
      submit={undefined}
      pending={moving.isPending}
      onSubmit={() => undefined}
    >
      {colleagues.length > MANY && (
        <TextInput
          label="Find somebody"
          value={sought}
          onChange={(event) => setSought(event.currentTarget.value)}
          data-autofocus
        />
      )}
      <ul className={classes.options}>
        {shown.map((colleague) => (
          <li key={colleague.id}>
            <button
              type="button"
              className={classes.option}
              disabled={moving.isPending}
              onClick={() => moving.mutate(colleague.user.id)}
            >
              <span className={classes.person}>
                <IconPerson size={20} />
                {colleague.is_you ? 'Me' : nameOf(colleague)}
              </span>
              <span className={classes.beside}>{colleague.is_you ? nameOf(colleague) : colleague.role}</span>
            </button>
          </li>
        ))}
        {alert.assigned_to && (
          <li>
            <button
              type="button"
              className={classes.option}
              disabled={moving.isPending}
              onClick={() => moving.mutate(null)}
            >
              Nobody
            </button>
          </li>
        )}
      </ul>
      {shown.length === 0 && <Words>Nobody of that name may see this alert.</Words>}
      <Refusal error={moving.error} />
    </Dialog>
  )
}

const nameOf = ({ user }: Colleague): string => user.name || user.email

/** Resolved too early: it is open again, and says why. */
export function ReopenDialog({ alert, onClose }: Props) {
  const { organization } = useMember()
  const [note, setNote] = useState('')
  const [tried, setTried] = useState(false)
  const moving = useMove(alert, () => reopen(organization, alert.id, note.trim()), 'Alert opened again', onClose)
  const missing = tried && note.trim() === '' ? "Say why: what was said when it was resolved isn't true." : undefined
  return (
    <Dialog
      title="Open the alert again"
      opened
      onClose={onClose}
      submit="Open again"
      pending={moving.isPending}
      error={moving.error}
      onSubmit={() => {
        setTried(true)
        if (note.trim() !== '') moving.mutate(undefined)
      }}
    >
      <Words>What was said when it was resolved stays in the timeline.</Words>
      <NoteField label="Why" about="Everyone sees it in the timeline." note={note} onNote={setNote} error={missing} />
    </Dialog>
  )
}

/** The field below a timeline. */
export function CommentForm({ onSend, pending, error }: CommentProps) {
  const [note, setNote] = useState('')
  const send = async () => {
    await onSend(note.trim())
    setNote('')
  }
  return (
    <form
      className={classes.comment}
      onSubmit={(event) => {
        event.preventDefault()
        // (What was refused stays in the field, with the reason below it.)
        if (note.trim() && !pending) send().catch(() => undefined)
      }}
    >
      <Textarea
        aria-label="Comment"
        placeholder="Add a comment"
        value={note}
        onChange={(event) => setNote(event.currentTarget.value)}
        maxLength={2000}
        autosize
        minRows={1}
      />
      <Button type="submit" variant="default" loading={pending} disabled={note.trim() === ''}>
        Send
      </Button>
      <Refusal error={error} />
    </form>
  )
}

interface CommentProps {
  onSend: (note: string) => Promise<unknown>
  pending: boolean
  error: Error | null
}
