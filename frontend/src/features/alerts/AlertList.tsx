import { Link } from '@tanstack/react-router'
import type { Alert } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { useNow } from '@/shared/now'
import { useScale } from '@/shared/preferences'
import { useZone } from '@/shared/sites'
import { IconChevronRight } from '@/shared/ui/icons'
import { StatusBadge } from '@/shared/ui/StatusBadge'
import { ALERT_STATUS, SEVERITY } from '@/shared/ui/status'
import { duration, momentAt } from '@/shared/units'
import classes from './AlertList.module.css'
import { extent, headline, isSnoozed, lasted, title } from './words'

interface Props {
  alerts: Alert[]
  /** Inside one unit its name needn't be repeated. */
  ofOneUnit?: boolean
}

/** Alerts as rows; the whole row leads to the alert. */
export function AlertList({ alerts, ofOneUnit }: Props) {
  return (
    <ul className={classes.list}>
      {alerts.map((alert) => (
        <AlertRow key={alert.id} alert={alert} ofOneUnit={ofOneUnit} />
      ))}
    </ul>
  )
}

function AlertRow({ alert, ofOneUnit }: { alert: Alert; ofOneUnit: boolean | undefined }) {
  const { organization } = useMember()
  const scale = useScale()
  const { tone, word } = SEVERITY[alert.severity]
  const zone = useZone(alert.site)
  const over = alert.status === 'resolved'
  const long = useNow((now) => duration(lasted(alert, now)))
  const snoozed = useNow((now) => isSnoozed(alert, now))
  return (
    <li className={classes.row} data-over={over || undefined}>
      <div className={classes.severity}>
        <StatusBadge tone={tone} quiet={over}>
          {word}
        </StatusBadge>
      </div>
      <div className={classes.what}>
        <Link to="/o/$org/alerts/$alert" params={{ org: organization, alert: alert.id }} className={classes.link}>
          {ofOneUnit ? headline(alert) : title(alert)}
        </Link>
        <span className={classes.small}>
          {[ofOneUnit ? ALERT_STATUS[alert.status] : alert.site_name, extent(alert, scale)].filter(Boolean).join(' · ')}
        </span>
        <span className={classes.small}>{[...beside(alert, snoozed, zone)].join(' · ')}</span>
      </div>
      <div className={classes.when}>
        <span>{momentAt(alert.opened_at, zone)}</span>
        <span className={classes.small}>{over ? `lasted ${long}` : `for ${long}`}</span>
      </div>
      <span className={classes.arrow}>
        <IconChevronRight size={18} />
      </span>
    </li>
  )
}

/** What else one should know before opening it. */
function* beside(alert: Alert, snoozed: boolean, zone: string | undefined): Generator<string> {
  if (alert.assigned_to) yield `assigned to ${alert.assigned_to_name || 'a former member'}`
  if (snoozed && alert.snoozed_until) yield `snoozed until ${momentAt(alert.snoozed_until, zone)}`
  if (alert.muted_by) yield 'muted'
  if (alert.found_at) yield 'found late'
  if (alert.contradicted_at) yield 'it never happened'
}
