/** Running one move of an alert from a button or a dialog. */

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Problem } from '@/shared/api/client'
import type { Alert } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { dismissToast, toast } from '@/shared/ui/toast'
import { take } from './queries'

/** Runs one move, shows its result at once and has everything that shows alerts fetched again. */
export function useMove<Words>(
  alert: Alert,
  move: (words: Words) => Promise<Alert>,
  done: string | ((moved: Alert) => string),
  onClose: () => void,
) {
  const { organization } = useMember()
  const client = useQueryClient()
  return useMutation({
    mutationFn: move,
    onSuccess: (moved) => {
      take(client, organization, moved)
      dismissToast(alert.id)
      toast({ tone: 'ok', title: typeof done === 'string' ? done : done(moved), seconds: 4 })
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
