import { TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { RefusedReading } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { Dialog, Words } from '@/shared/ui/Dialog'
import { toast } from '@/shared/ui/toast'
import { discard, discardMany, quarantineKey } from './queries'

interface Props {
  readings: RefusedReading[]
  onClose: () => void
  onDone: () => void
}

/** One with a note, or several. */
export function DiscardDialog({ readings, onClose, onDone }: Props) {
  const { organization } = useMember()
  const client = useQueryClient()
  const [note, setNote] = useState('')
  const [only] = readings
  const single = readings.length === 1 && only
  const what = single ? 'this reading' : `${readings.length} readings`
  const discarding = useMutation({
    mutationFn: async () => {
      if (single) await discard(organization, only.id, note.trim())
      else {
        await discardMany(
          organization,
          readings.map(({ id }) => id),
        )
      }
    },
    onSuccess: async () => {
      toast({ tone: 'ok', title: single ? 'The reading was discarded' : `${what} were discarded`, seconds: 4 })
      onDone()
      await client.invalidateQueries({ queryKey: quarantineKey(organization) })
    },
  })
  return (
    <Dialog
      title={`Discard ${what}?`}
      opened
      onClose={onClose}
      onSubmit={() => discarding.mutate()}
      submit="Discard"
      pending={discarding.isPending}
      danger
      error={discarding.error}
    >
      <Words>
        {single ? 'It isn’t' : 'They aren’t'} stored and no longer wait here. This can’t be undone, and it is recorded
        in the audit trail.
      </Words>
      {single && (
        <TextInput
          label="Why (optional)"
          placeholder="The probe was in the sink"
          maxLength={200}
          value={note}
          onChange={(event) => setNote(event.currentTarget.value)}
        />
      )}
    </Dialog>
  )
}
