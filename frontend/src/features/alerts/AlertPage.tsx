import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { Alert } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { useNow } from '@/shared/now'
import { useScale } from '@/shared/preferences'
import { useZone } from '@/shared/sites'
import { DataList } from '@/shared/ui/DataList'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { StatusBadge } from '@/shared/ui/StatusBadge'
import { Loading, Trouble } from '@/shared/ui/states'
import { ALERT_STATUS, SEVERITY } from '@/shared/ui/status'
import { duration, moment, zoneNote } from '@/shared/units'
import { AcknowledgeDialog, ResolveDialog } from './AlertDialogs'
import classes from './AlertPage.module.css'
import { alertEventsQuery } from './queries'
import { Timeline } from './Timeline'
import { headline, lasted, measure } from './words'

interface Props {
  alert: Alert
  /** The unit's temperature around it; the units feature draws it. */
  chart: React.ReactNode
}

/** One alert: what happened, what was done, and the buttons for what is left to do. */
export function AlertPage({ alert, chart }: Props) {
  const { organization } = useMember()
  const { tone, word } = SEVERITY[alert.severity]
  const events = useQuery(alertEventsQuery(organization, alert.id))
  const zone = useZone(alert.site)
  const elsewhere = zone && zoneNote(zone, Date.parse(alert.opened_at))
  const note = elsewhere && `times in ${elsewhere}`
  return (
    <Page
      title={`${alert.unit_name}: ${headline(alert).toLowerCase()}`}
      above={
        <>
          <Link to="/o/$org/alerts" params={{ org: organization }} className={classes.crumb}>
            Alerts
          </Link>
          {alert.site_name && ` · ${alert.site_name}`}
        </>
      }
      below={
        <>
          <StatusBadge tone={tone}>{word}</StatusBadge>
          <span className={classes.status}>{ALERT_STATUS[alert.status]}</span>
        </>
      }
      actions={<Actions alert={alert} />}
    >
      <div className={classes.columns}>
        <div className={classes.column}>
          <Panel title="What happened" note={note}>
            <Facts alert={alert} zone={zone} />
          </Panel>
          {chart}
        </div>
        <Panel title="Timeline" note={note}>
          {events.isPending && <Loading rows={3} />}
          {events.error && !events.data && <Trouble error={events.error} retry={() => void events.refetch()} />}
          {events.data && <Timeline events={events.data} zone={zone} />}
        </Panel>
      </div>
    </Page>
  )
}

function Actions({ alert }: { alert: Alert }) {
  const member = useMember()
  const [dialog, setDialog] = useState<'acknowledge' | 'resolve' | null>(null)
  const close = () => setDialog(null)
  if (alert.status === 'resolved') return null
  if (!may(member, 'alerts.acknowledge')) {
    return <p className={classes.hint}>As a viewer you can look. Staff can acknowledge and resolve.</p>
  }
  return (
    <>
      {alert.status === 'open' && <Button onClick={() => setDialog('acknowledge')}>Acknowledge</Button>}
      {may(member, 'alerts.resolve') && (
        <Button variant={alert.status === 'open' ? 'default' : 'filled'} onClick={() => setDialog('resolve')}>
          Resolve
        </Button>
      )}
      <AcknowledgeDialog alert={alert} opened={dialog === 'acknowledge'} onClose={close} />
      <ResolveDialog alert={alert} opened={dialog === 'resolve'} onClose={close} />
    </>
  )
}

function Facts({ alert, zone }: { alert: Alert; zone: string | undefined }) {
  const { organization } = useMember()
  const scale = useScale()
  const long = useNow((now) => duration(lasted(alert, now)))
  return (
    <DataList
      facts={[
        {
          term: 'Unit',
          value: alert.unit ? (
            <Link to="/o/$org/units/$unit" params={{ org: organization, unit: alert.unit }}>
              {alert.unit_name}
            </Link>
          ) : (
            alert.unit_name
          ),
        },
        { term: 'Rule', value: alert.rule_name || '–' },
        alert.threshold !== null && { term: 'Limit', value: measure(alert, alert.threshold, scale) },
        alert.value !== null && { term: 'When it opened', value: measure(alert, alert.value, scale) },
        alert.peak !== null && { term: 'Worst value', value: measure(alert, alert.peak, scale) },
        { term: 'Out of range since', value: moment(alert.started_at, zone) },
        { term: 'Opened', value: moment(alert.opened_at, zone) },
        alert.found_at !== null && { term: 'Found late', value: moment(alert.found_at, zone) },
        { term: alert.resolved_at ? 'Lasted' : 'Lasting', value: long },
        alert.acknowledged_at !== null && { term: 'Acknowledged', value: moment(alert.acknowledged_at, zone) },
        alert.resolved_at !== null && { term: 'Resolved', value: moment(alert.resolved_at, zone) },
        Boolean(alert.corrective_action) && { term: 'Corrective action', value: alert.corrective_action },
        Boolean(alert.cause) && { term: 'Cause', value: alert.cause },
        Boolean(alert.disposition) && { term: 'Goods', value: alert.disposition },
        Boolean(alert.amount) && { term: 'Amount', value: alert.amount },
      ]}
    />
  )
}
