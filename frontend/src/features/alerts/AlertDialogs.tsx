import { Button, Modal, NativeSelect, Textarea, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Problem } from '@/shared/api/client'
import type { Alert } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { StatusMark } from '@/shared/ui/StatusBadge'
import { dismissToast, toast } from '@/shared/ui/toast'
import classes from './AlertDialogs.module.css'
import { acknowledge, resolve, take } from './queries'

interface Props {
  alert: Alert
  opened: boolean
  onClose: () => void
}

/** Runs one move of an alert, shows its result at once and has everything that shows alerts fetched again. */
function useMove<Words>(alert: Alert, move: (words: Words) => Promise<Alert>, done: string, onClose: () => void) {
  const { organization } = useMember()
  const client = useQueryClient()
  return useMutation({
    mutationFn: move,
    onSuccess: (moved) => {
      take(client, organization, moved)
      dismissToast(alert.id)
      toast({ tone: 'ok', title: done, seconds: 4 })
      onClose()
    },
    onError: (error) => {
      // What the dialog offers is no longer possible: say so where it stays readable.
      if (!(error instanceof Problem) || error.status !== 409) return
      toast({ tone: 'info', title: error.message, seconds: 8 })
      onClose()
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['alerts', organization] }),
  })
}

export function AcknowledgeDialog({ alert, opened, onClose }: Props) {
  const { organization } = useMember()
  const [note, setNote] = useState('')
  const moving = useMove(alert, () => acknowledge(organization, alert.id, note.trim()), 'Alert acknowledged', onClose)
  return (
    <Modal opened={opened} onClose={onClose} title="Acknowledge alert" centered classNames={{ title: classes.title }}>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault()
          moving.mutate(undefined)
        }}
      >
        <p className={classes.words}>You take charge of it. Nobody else is called until it is resolved.</p>
        <Textarea
          label="Note"
          description="Optional. Everyone sees it in the timeline."
          value={note}
          onChange={(event) => setNote(event.currentTarget.value)}
          maxLength={2000}
          autosize
          minRows={2}
          data-autofocus
        />
        <Refusal error={moving.error} />
        <div className={classes.buttons}>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={moving.isPending}>
            Acknowledge
          </Button>
        </div>
      </form>
    </Modal>
  )
}

export function ResolveDialog({ alert, opened, onClose }: Props) {
  const { organization } = useMember()
  const [action, setAction] = useState('')
  const [cause, setCause] = useState('')
  const [goods, setGoods] = useState('')
  const [amount, setAmount] = useState('')
  const [missing, setMissing] = useState(false)
  const required = alert.severity === 'critical'
  const words = { corrective_action: action.trim(), cause: cause.trim(), disposition: goods, amount: amount.trim() }
  const moving = useMove(alert, () => resolve(organization, alert.id, words), 'Alert resolved', onClose)
  const said = moving.error instanceof Problem ? moving.error.fields : []
  return (
    <Modal opened={opened} onClose={onClose} title="Resolve alert" centered classNames={{ title: classes.title }}>
      <form
        noValidate
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault()
          const empty = required && words.corrective_action === ''
          setMissing(empty)
          if (!empty) moving.mutate(undefined)
        }}
      >
        <Textarea
          label="Corrective action"
          description={
            required
              ? 'What was done with the unit and what it holds. Inspectors read this.'
              : 'Optional. What was done with the unit and what it holds.'
          }
          error={
            missing
              ? 'Say what was done: a critical alert is only resolved with its corrective action.'
              : said.find((field) => field.field === 'corrective_action')?.detail
          }
          required={required}
          value={action}
          onChange={(event) => setAction(event.currentTarget.value)}
          maxLength={2000}
          autosize
          minRows={3}
          data-autofocus
        />
        <Textarea
          label="Cause"
          description="Optional. Why it happened, if you know."
          value={cause}
          onChange={(event) => setCause(event.currentTarget.value)}
          maxLength={2000}
          autosize
          minRows={1}
        />
        <div className={classes.pair}>
          <NativeSelect
            label="Goods"
            size="md"
            value={goods}
            onChange={(event) => setGoods(event.currentTarget.value)}
            data={[{ value: '', label: 'Not said' }, 'Kept', 'Moved', 'Discarded']}
          />
          <TextInput
            label="Amount"
            placeholder="12 kg"
            value={amount}
            onChange={(event) => setAmount(event.currentTarget.value)}
            maxLength={120}
          />
        </div>
        <Refusal error={said.length > 0 ? null : moving.error} />
        <div className={classes.buttons}>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={moving.isPending}>
            Resolve
          </Button>
        </div>
      </form>
    </Modal>
  )
}

function Refusal({ error }: { error: Error | null }) {
  if (!error) return null
  return (
    <p role="alert" className={classes.refusal} data-tone="critical">
      <StatusMark tone="critical" />
      {error instanceof Problem ? error.message : 'Something went wrong. Try again.'}
    </p>
  )
}
