import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useMember } from '@/shared/member'
import { Dialog, Words } from '@/shared/ui/Dialog'
import { toast } from '@/shared/ui/toast'
import { membersQuery } from './people'
import { leaveOrganization, refetchMe } from './queries'

interface Props {
  opened: boolean
  onClose: () => void
  onGone: () => void
}

/** Ends the own membership; the last owner is told what to do instead. */
export function LeaveDialog({ opened, onClose, onGone }: Props) {
  const { organization, organizationName, role } = useMember()
  const client = useQueryClient()
  const members = useQuery({ ...membersQuery(organization), enabled: opened }).data
  const lastOwner = role === 'owner' && members?.filter((each) => each.role === 'owner').length === 1
  const leaving = useMutation({
    mutationFn: () => leaveOrganization(organization),
    onSuccess: async () => {
      toast({ tone: 'ok', title: `You have left ${organizationName}`, seconds: 8 })
      await refetchMe(client)
      onGone()
    },
  })
  return (
    <Dialog
      title={`Leave ${organizationName}?`}
      opened={opened}
      onClose={onClose}
      onSubmit={() => leaving.mutate()}
      submit="Leave"
      pending={leaving.isPending}
      disabled={lastOwner}
      danger
      error={leaving.error}
    >
      <Words>
        {lastOwner
          ? 'You are its only owner, and an organization needs one. Make another member an owner first, or delete it.'
          : 'You lose access at once, on every device. What you did stays in the records under your name.'}
      </Words>
    </Dialog>
  )
}
