import { NativeSelect, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { RefusedReading } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { Dialog, Words } from '@/shared/ui/Dialog'
import { toast } from '@/shared/ui/toast'
import classes from './Quarantine.module.css'
import { quarantineKey, resubmit } from './queries'
import { type Draft, draftOf, MEASURES, mistakesIn, readingOf } from './values'

interface Props {
  reading: RefusedReading
  onClose: () => void
}

/** The fields of a reading, to be corrected and sent in again. */
export function CorrectDialog({ reading, onClose }: Props) {
  const { organization } = useMember()
  const client = useQueryClient()
  const [draft, setDraft] = useState<Draft>(() => draftOf(reading))
  const [tried, setTried] = useState(false)
  const mistakes = tried ? mistakesIn(draft) : {}
  const sending = useMutation({
    mutationFn: () => resubmit(organization, reading.id, readingOf(draft, reading)),
    onSuccess: async () => {
      toast({ tone: 'ok', title: 'The reading was stored', seconds: 4 })
      onClose()
      await client.invalidateQueries({ queryKey: quarantineKey(organization) })
    },
  })
  const set = (change: Partial<Draft>) => setDraft({ ...draft, ...change })
  const send = () => {
    setTried(true)
    if (Object.keys(mistakesIn(draft)).length === 0) sending.mutate()
  }
  return (
    <Dialog
      title="Correct and send in again"
      opened
      onClose={onClose}
      onSubmit={send}
      submit="Send in again"
      pending={sending.isPending}
      error={sending.error}
    >
      <Words>
        It is judged by the same rules as before. What you change is recorded in the audit trail, with your name.
      </Words>
      <div className={classes.fields}>
        <TextInput
          label="Sensor (serial)"
          required
          value={draft.sensor}
          maxLength={64}
          error={mistakes.sensor}
          onChange={(event) => set({ sensor: event.currentTarget.value })}
        />
        <TextInput
          label="Channel"
          placeholder="0"
          value={draft.channel}
          maxLength={64}
          onChange={(event) => set({ channel: event.currentTarget.value })}
        />
        <TextInput
          className={classes.wide}
          label="Recorded, in your own time"
          type="datetime-local"
          required
          step={1}
          value={draft.time}
          error={mistakes.time}
          onChange={(event) => set({ time: event.currentTarget.value })}
        />
        {MEASURES.map(({ name, word, unit }) => (
          <TextInput
            key={name}
            label={`${word} (${unit})`}
            inputMode="decimal"
            value={draft.measured[name]}
            error={mistakes[name]}
            onChange={(event) => set({ measured: { ...draft.measured, [name]: event.currentTarget.value } })}
          />
        ))}
        <NativeSelect
          label="Door"
          size="md"
          value={draft.door}
          onChange={(event) => set({ door: event.currentTarget.value as Draft['door'] })}
          data={[
            { value: '', label: 'Not measured' },
            { value: 'open', label: 'Open' },
            { value: 'closed', label: 'Closed' },
          ]}
        />
      </div>
    </Dialog>
  )
}
