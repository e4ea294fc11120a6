import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { onAlertMessage } from '@/features/alerts/live'
import { onCoverageMessage } from '@/features/coverage/live'
import { onDeliveryMessage } from '@/features/deliveries/live'
import { onEscalationMessage } from '@/features/escalation/live'
import { onInboxMessage } from '@/features/inbox/live'
import { onMuteMessage } from '@/features/mutes/live'
import { onOnCallMessage } from '@/features/oncall/live'
import { onOrganizationMessage } from '@/features/organization/live'
import { onRuleMessage } from '@/features/rules/live'
import { meQuery } from '@/features/session/queries'
import { onUnitMessage } from '@/features/units/live'
import { LiveConnection, type LiveHandler, type LiveStatus, LiveStatusContext } from '@/shared/live'

const HANDLERS: LiveHandler[] = [
  onUnitMessage,
  onAlertMessage,
  onRuleMessage,
  onMuteMessage,
  onEscalationMessage,
  onOnCallMessage,
  onCoverageMessage,
  onInboxMessage,
  onDeliveryMessage,
  onOrganizationMessage,
]
const POLL_EVERY = 10_000

/** The one live connection of an organization: it feeds the query cache, and polls where it can't connect. */
export function LiveProvider({ organization, children }: { organization: string; children: React.ReactNode }) {
  const client = useQueryClient()
  const [status, setStatus] = useState<LiveStatus>('connecting')
  const [reachable, setReachable] = useState(true)

  useEffect(() => {
    const connection = new LiveConnection(addressOf(organization), {
      onMessage: (message) => {
        for (const handle of HANDLERS) handle(client, organization, message)
      },
      onStatus: setStatus,
      onReturn: () => void refetchShown(organization),
      onSignedOut: () => void client.invalidateQueries(meQuery),
    })
    const refetchShown = (slug: string) =>
      client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[1] === slug })
    connection.start()
    return () => connection.stop()
  }, [client, organization])

  const isAway = status === 'polling' || status === 'reconnecting'
  useEffect(() => {
    if (!isAway) return
    const timer = setInterval(async () => {
      // What changes by itself; names and rules can wait for the connection.
      const shown = ['units', 'alerts', 'sensors', 'readings', 'inbox']
      const isLive = ({ queryKey }: { queryKey: readonly unknown[] }) =>
        shown.includes(String(queryKey[0])) && queryKey[1] === organization && queryKey[3] !== 'past'
      await client.refetchQueries({ type: 'active', predicate: isLive })
      setReachable(client.getQueryState(['units', organization])?.fetchStatus !== 'paused' && !failed())
    }, POLL_EVERY)
    const failed = () => client.getQueryState(['alerts', organization, 'open'])?.status === 'error'
    return () => {
      clearInterval(timer)
      setReachable(true)
    }
  }, [client, organization, isAway])

  const said = status === 'polling' && !reachable ? 'reconnecting' : status
  return <LiveStatusContext.Provider value={said}>{children}</LiveStatusContext.Provider>
}

function addressOf(organization: string): string {
  const address = new URL(`/ws/v1/orgs/${encodeURIComponent(organization)}/live/`, window.location.href)
  address.protocol = address.protocol.replace('http', 'ws')
  return address.href
}
