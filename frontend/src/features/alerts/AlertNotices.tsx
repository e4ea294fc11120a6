import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Alert } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { useNow } from '@/shared/now'
import { Notice } from '@/shared/ui/Notice'
import { duration, momentAt } from '@/shared/units'
import { alertQuery } from './queries'
import { isSnoozed, title } from './words'

interface Props {
  alert: Alert
  zone: string | undefined
  /** What mutes say about it. */
  children: React.ReactNode
}

/** What is special about an alert, in plain words: nobody should have to guess why it looks as it does. */
export function AlertNotices({ alert, zone, children }: Props) {
  const snoozed = useNow((now) => isSnoozed(alert, now))
  return (
    <>
      {alert.contradicted_at && (
        <Notice tone="info" title="It never happened">
          Readings that came later ({momentAt(alert.contradicted_at, zone)}) showed that the limit wasn't broken for
          long enough. The alert stays on record, since people may have been told.
        </Notice>
      )}
      {alert.found_at && (
        <Notice tone="info" title="Found late">
          Its readings came {duration(Math.max(0, Date.parse(alert.found_at) - Date.parse(alert.opened_at)))} after it
          should have opened: on {momentAt(alert.found_at, zone)}. Until then nobody could know.
        </Notice>
      )}
      {alert.parent && <Part alert={alert} parent={alert.parent} />}
      {snoozed && alert.snoozed_until && (
        <Notice tone="no-data" title={`Snoozed until ${momentAt(alert.snoozed_until, zone)}`}>
          Nobody is told until then. If it lasts, everybody is told again.
        </Notice>
      )}
      {children}
    </>
  )
}

/** Part of a gateway's silence, or the same trouble coming back again and again. */
function Part({ alert, parent }: { alert: Alert; parent: string }) {
  const { organization } = useMember()
  const whole = useQuery(alertQuery(organization, parent)).data
  const isGateway = whole ? whole.gateway !== null && alert.gateway === null : alert.condition === 'no_data'
  const link = (
    <Link to="/o/$org/alerts/$alert" params={{ org: organization, alert: parent }}>
      {whole ? title(whole) : 'that alert'}
    </Link>
  )
  if (isGateway)
    return (
      <Notice tone="no-data" title="Part of a silent gateway">
        The gateway that carries this sensor is silent. People are told once, about the gateway: {link}.
      </Notice>
    )
  return (
    <Notice tone="info" title="It keeps coming back">
      This came back several times within an hour. It is held together with the first: {link}. People aren't told each
      time.
    </Notice>
  )
}
