import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Age } from '@/shared/ui/Age'
import { Complaint } from '@/shared/ui/Complaint'
import { Dialog, Words } from '@/shared/ui/Dialog'
import { Panel } from '@/shared/ui/Panel'
import { StatusBadge } from '@/shared/ui/StatusBadge'
import { Loading, Trouble } from '@/shared/ui/states'
import { toast } from '@/shared/ui/toast'
import { dayOf } from '@/shared/units'
import classes from './Account.module.css'
import { deviceOf } from './devices'
import { told, useProven } from './Proof'
import { endSessions, lastSeen, type Session, sessionsQuery } from './queries'

/** Where the person is signed in, and the way to end it from here. */
export function SessionsPanel() {
  const client = useQueryClient()
  const proven = useProven()
  const sessions = useQuery(sessionsQuery)
  const others = sessions.data?.filter(({ is_current }) => !is_current) ?? []
  const [asking, setAsking] = useState(false)
  const ending = useMutation({
    mutationFn: (ended: Session[]) => proven(() => endSessions(ended.map(({ id }) => id))),
    onSuccess: async (_, ended) => {
      setAsking(false)
      await client.invalidateQueries(sessionsQuery)
      toast({ tone: 'ok', title: ended.length === 1 ? 'Signed out there' : 'Signed out everywhere else', seconds: 4 })
    },
  })
  const one = ending.isPending && ending.variables.length === 1 ? ending.variables[0]?.id : null
  return (
    <Panel
      title="Signed in"
      flush
      actions={
        others.length > 1 && (
          <Button variant="default" onClick={() => setAsking(true)}>
            Sign out everywhere else
          </Button>
        )
      }
    >
      {sessions.isPending && <Loading rows={3} />}
      {sessions.error && <Trouble error={sessions.error} retry={() => void sessions.refetch()} />}
      {!asking && told(ending.error) && (
        <div className={classes.empty}>
          <Complaint error={told(ending.error)} />
        </div>
      )}
      <ul className={classes.rows}>
        {sessions.data?.map((session) => (
          <li key={session.id} className={classes.row}>
            <div className={classes.facts}>
              <p className={classes.name}>
                {deviceOf(session.user_agent)}
                {session.is_current && <StatusBadge tone="ok">This one</StatusBadge>}
              </p>
              <p className={classes.about}>
                {`From ${session.ip}. Signed in on ${dayOf(session.created_at * 1000)}`}
                {!session.is_current && (
                  <>
                    , last seen <Age at={new Date(lastSeen(session)).toISOString()} />
                  </>
                )}
                .
              </p>
            </div>
            {!session.is_current && (
              <Button
                variant="default"
                aria-label={`Sign out ${deviceOf(session.user_agent)}, ${session.ip}`}
                loading={one === session.id}
                onClick={() => ending.mutate([session])}
              >
                Sign out
              </Button>
            )}
          </li>
        ))}
      </ul>
      <Dialog
        title="Sign out everywhere else?"
        opened={asking}
        onClose={() => setAsking(false)}
        onSubmit={() => ending.mutate(others)}
        submit="Sign out everywhere else"
        pending={ending.isPending}
        error={told(ending.error)}
      >
        <Words>{`${others.length} other devices have to sign in again. This one stays signed in.`}</Words>
      </Dialog>
    </Panel>
  )
}
