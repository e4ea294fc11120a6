import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useMember } from '@/shared/member'
import { Dialog, Words } from '@/shared/ui/Dialog'
import { toast } from '@/shared/ui/toast'
import { deliveriesKey, MOST_AT_ONCE, RESENT_FOR_DAYS, resendDead } from './queries'
import { resentWords } from './words'

/** Asks before many people get messages about what may be long over. */
export function ResendDeadDialog({ onClose }: { onClose: () => void }) {
  const { organization } = useMember()
  const client = useQueryClient()
  const sending = useMutation({
    mutationFn: () => resendDead(organization),
    onSuccess: async (resent) => {
      const { tone, title, note } = resentWords(resent)
      toast({ tone, title, children: note || undefined, seconds: note ? 10 : 5 })
      onClose()
      await client.invalidateQueries({ queryKey: deliveriesKey(organization) })
    },
  })
  return (
    <Dialog
      title="Send all again that were given up?"
      opened
      onClose={onClose}
      onSubmit={() => sending.mutate()}
      submit="Send again"
      pending={sending.isPending}
      error={sending.error}
    >
      <Words>
        Up to {MOST_AT_ONCE} messages of the last {RESENT_FOR_DAYS} days, the newest first. What they tell may be over
        by now. Whatever made them fail should be mended first, or they fail again.
      </Words>
    </Dialog>
  )
}
