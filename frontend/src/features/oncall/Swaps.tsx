import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useMember } from '@/shared/member'
import { Refusal } from '@/shared/ui/Dialog'
import { Panel } from '@/shared/ui/Panel'
import { moment } from '@/shared/units'
import classes from './OnCall.module.css'
import { decideSwap, onCallKey, ownSwapsQuery, type Swap } from './queries'

/** Shifts that a colleague asks one to take, and those that one asks others to. Nothing, where there are none. */
export function Swaps({ me, schedule }: { me: string; schedule?: string }) {
  const { organization } = useMember()
  const swaps = useQuery(ownSwapsQuery(organization)).data?.filter((swap) => !schedule || swap.schedule === schedule)
  if (!swaps?.length) return null
  return (
    <Panel title="Shifts to change hands" flush>
      <ul className={classes.list}>
        {swaps.map((swap) => (
          <Offer key={swap.id} swap={swap} isAsked={swap.taken_by === me} />
        ))}
      </ul>
    </Panel>
  )
}

function Offer({ swap, isAsked }: { swap: Swap; isAsked: boolean }) {
  const { organization } = useMember()
  const client = useQueryClient()
  const deciding = useMutation({
    mutationFn: (act: 'accept' | 'decline' | 'withdraw') => decideSwap(organization, swap.id, act),
    onSettled: () => client.invalidateQueries({ queryKey: onCallKey(organization) }),
  })
  const button = (words: string, act: 'accept' | 'decline' | 'withdraw', variant: 'filled' | 'default') => (
    <Button
      size="compact-sm"
      variant={variant}
      loading={deciding.isPending && deciding.variables === act}
      disabled={deciding.isPending}
      onClick={() => deciding.mutate(act)}
    >
      {words}
    </Button>
  )
  return (
    <li className={classes.offer}>
      <p className={classes.words}>
        {isAsked
          ? `${swap.offered_by_name} asks you to take ${swap.schedule_name}`
          : `You ask ${swap.taken_by_name} to take ${swap.schedule_name}`}
        , {moment(swap.starts_at)} – {moment(swap.ends_at)}
        {swap.return_starts_at &&
          swap.return_ends_at &&
          `, in return for ${moment(swap.return_starts_at)} – ${moment(swap.return_ends_at)}`}
        .{swap.note && <span className={classes.small}> {swap.note}</span>}
      </p>
      <div className={classes.acts}>
        {isAsked ? (
          <>
            {button('Take it', 'accept', 'filled')}
            {button('Decline', 'decline', 'default')}
          </>
        ) : (
          button('Withdraw', 'withdraw', 'default')
        )}
      </div>
      <Refusal error={deciding.error} />
    </li>
  )
}
