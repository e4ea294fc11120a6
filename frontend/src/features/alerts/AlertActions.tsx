import { Button } from '@mantine/core'
import { useState } from 'react'
import type { Alert, Colleague } from '@/shared/api/types'
import { type Member, may, useMember } from '@/shared/member'
import classes from './AlertActions.module.css'
import { AcknowledgeDialog, AssignDialog, ReopenDialog, SnoozeDialog } from './AlertDialogs'
import { ResolveDialog } from './ResolveDialog'

interface Props {
  alert: Alert
  colleagues: Colleague[]
  mute: React.ReactNode
}

type Asked = 'acknowledge' | 'snooze' | 'assign' | 'resolve' | 'reopen'

/** What the member may do with it now, the most urgent first. */
function offered(member: Member, alert: Alert): Asked[] {
  if (alert.status === 'resolved') return may(member, 'alerts.reopen') ? ['reopen'] : []
  const open = alert.status === 'open'
  return [
    ...(open && may(member, 'alerts.acknowledge') ? (['acknowledge'] as const) : []),
    ...(may(member, 'alerts.resolve') ? (['resolve'] as const) : []),
    ...(may(member, 'alerts.snooze') ? (['snooze'] as const) : []),
    ...(may(member, 'alerts.assign') ? (['assign'] as const) : []),
  ]
}

const WORDS: Record<Asked, string> = {
  acknowledge: 'Acknowledge',
  resolve: 'Resolve',
  snooze: 'Snooze',
  assign: 'Assign',
  reopen: 'Open again',
}

/** Two big buttons and three smaller ones: on a phone every move is at most three taps. */
export function AlertActions({ alert, colleagues, mute }: Props) {
  const member = useMember()
  const [asked, setAsked] = useState<Asked | null>(null)
  const close = () => setAsked(null)
  const moves = offered(member, alert)
  if (moves.length === 0) {
    if (alert.status === 'resolved') return null
    return <p className={classes.hint}>As a viewer you can look. Staff can acknowledge and resolve.</p>
  }
  return (
    <div className={classes.actions}>
      {moves.map((move, place) => (
        <Button
          key={move}
          variant={place === 0 && move !== 'reopen' ? 'filled' : 'default'}
          className={move === 'snooze' || move === 'assign' ? classes.small : classes.big}
          onClick={() => setAsked(move)}
        >
          {WORDS[move]}
        </Button>
      ))}
      {alert.status !== 'resolved' && mute}
      {asked === 'acknowledge' && <AcknowledgeDialog alert={alert} onClose={close} />}
      {asked === 'resolve' && <ResolveDialog alert={alert} onClose={close} />}
      {asked === 'snooze' && <SnoozeDialog alert={alert} onClose={close} />}
      {asked === 'assign' && <AssignDialog alert={alert} colleagues={colleagues} onClose={close} />}
      {asked === 'reopen' && <ReopenDialog alert={alert} onClose={close} />}
    </div>
  )
}
