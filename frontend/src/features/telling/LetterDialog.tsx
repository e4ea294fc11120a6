import { useMutation, useQuery } from '@tanstack/react-query'
import { useSecondsLeft } from '@/shared/ui/Complaint'
import { Dialog, Words } from '@/shared/ui/Dialog'
import { Loading, Trouble } from '@/shared/ui/states'
import { toast } from '@/shared/ui/toast'
import { letterQuery, type Period, sendLetter } from './queries'
import classes from './Telling.module.css'

interface Props {
  organization: string
  name: string
  period: Period
  onClose: () => void
}

/** What the digest would say now, and the way to have it sent at once. */
export function LetterDialog({ organization, name, period, onClose }: Props) {
  const letter = useQuery(letterQuery(organization, period))
  const sending = useMutation({
    mutationFn: () => sendLetter(organization, period),
    onSuccess: ({ to }) => {
      toast({ tone: 'ok', title: `On its way to ${to}`, seconds: 6 })
      onClose()
    },
  })
  const waits = useSecondsLeft(sending.error) > 0
  return (
    <Dialog
      title={`${period === 'daily' ? 'Daily' : 'Weekly'} digest of ${name}`}
      opened
      onClose={onClose}
      onSubmit={() => sending.mutate()}
      submit={letter.data && 'Send me this now'}
      cancel="Close"
      pending={sending.isPending}
      disabled={waits}
      error={sending.error}
      size="xl"
    >
      {letter.isPending && <Loading rows={8} />}
      {letter.error && !letter.data && <Trouble error={letter.error} retry={() => void letter.refetch()} />}
      {letter.data && (
        <>
          <Words>{`Subject: ${letter.data.subject}`}</Words>
          {/* Nothing in it may run, ask, or lead this window elsewhere: it stands in a frame that may do nothing. */}
          <iframe
            className={classes.letter}
            title="Preview of the digest"
            sandbox=""
            srcDoc={inert(letter.data.html)}
          />
        </>
      )}
    </Dialog>
  )
}

/** Its links would open the app inside the frame; for a window of their own they would need leave, which they lack. */
export const inert = (html: string): string => html.replace(/<head(\s[^>]*)?>/i, '$&<base target="_blank">')
