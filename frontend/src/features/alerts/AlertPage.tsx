import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Alert, Colleague } from '@/shared/api/types'
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
import { AlertActions } from './AlertActions'
import { CommentForm } from './AlertDialogs'
import { AlertNotices } from './AlertNotices'
import classes from './AlertPage.module.css'
import { alertEventsQuery, comment } from './queries'
import { Timeline } from './Timeline'
import { lasted, measure, title, whyWords } from './words'

interface Props {
  alert: Alert
  /** The unit's temperature around it; the units feature draws it. */
  chart: React.ReactNode
  /** What every rule of the unit said at that moment; the rules feature tells it. */
  reasons: React.ReactNode
  /** What mutes it, and the button that would; the mutes feature has both. */
  muted: React.ReactNode
  mute: React.ReactNode
  /** Who is told next if nobody answers; null: it isn't known, or over. The escalation feature tells it. */
  next: React.ReactNode
  /** Those who may see it. */
  colleagues: Colleague[]
}

/** One alert: what happened, why it opened, what was done, and the buttons for what is left to do. */
export function AlertPage({ alert, chart, reasons, muted, mute, next, colleagues }: Props) {
  const { organization } = useMember()
  const { tone, word } = SEVERITY[alert.severity]
  const zone = useZone(alert.site)
  const elsewhere = zone && zoneNote(zone, Date.parse(alert.opened_at))
  const note = elsewhere && `times in ${elsewhere}`
  return (
    <Page
      title={title(alert)}
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
          {alert.assigned_to && <span>Assigned to {alert.assigned_to_name || 'a former member'}</span>}
        </>
      }
      actions={<AlertActions {...{ alert, colleagues, mute }} />}
    >
      <AlertNotices alert={alert} zone={zone}>
        {muted}
      </AlertNotices>
      <div className={classes.columns}>
        {/* First on a phone: at night that is the question. */}
        {next && <div className={classes.next}>{next}</div>}
        <div className={`${classes.column} ${classes.main}`}>
          <Panel title="What happened" note={note}>
            <Facts alert={alert} zone={zone} />
          </Panel>
          {chart}
          <Why alert={alert}>{reasons}</Why>
        </div>
        <div className={classes.column}>
          <History alert={alert} zone={zone} note={note} />
        </div>
      </div>
    </Page>
  )
}

interface HistoryProps {
  alert: Alert
  zone: string | undefined
  note: React.ReactNode
}

function History({ alert, zone, note }: HistoryProps) {
  const member = useMember()
  const client = useQueryClient()
  const events = useQuery(alertEventsQuery(member.organization, alert.id))
  const saying = useMutation({
    mutationFn: (words: string) => comment(member.organization, alert.id, words),
    onSuccess: () => client.invalidateQueries(alertEventsQuery(member.organization, alert.id)),
  })
  return (
    <Panel title="Timeline" note={note}>
      {events.isPending && <Loading rows={3} />}
      {events.error && !events.data && <Trouble error={events.error} retry={() => void events.refetch()} />}
      {events.data && <Timeline events={events.data} zone={zone} />}
      {may(member, 'alerts.comment') && (
        <CommentForm onSend={saying.mutateAsync} pending={saying.isPending} error={saying.error} />
      )}
    </Panel>
  )
}

/** Why it opened, from what it found then; below, what the other rules of the unit said at that moment. */
function Why({ alert, children }: { alert: Alert; children: React.ReactNode }) {
  const scale = useScale()
  const words = whyWords(alert, scale)
  return (
    <Panel title="Why did this alert open?">
      {words.length > 0 ? (
        <ul className={classes.why}>
          {words.map((each) => (
            <li key={each}>{each}</li>
          ))}
        </ul>
      ) : (
        <p className={classes.none}>
          {alert.rule_name ? `The rule “${alert.rule_name}” opened it.` : 'A rule opened it.'} It comes from a time when
          the terms of a rule weren't kept with its alerts.
        </p>
      )}
      {children}
    </Panel>
  )
}

function Facts({ alert, zone }: { alert: Alert; zone: string | undefined }) {
  const { organization } = useMember()
  const scale = useScale()
  const long = useNow((now) => duration(lasted(alert, now)))
  return (
    <DataList
      facts={[
        alert.unit
          ? {
              term: 'Unit',
              value: (
                <Link to="/o/$org/units/$unit" params={{ org: organization, unit: alert.unit }}>
                  {alert.unit_name}
                </Link>
              ),
            }
          : Boolean(alert.site_name) && { term: 'Site', value: alert.site_name },
        {
          term: 'Rule',
          value: alert.rule ? (
            <Link to="/o/$org/rules/$rule" params={{ org: organization, rule: alert.rule }}>
              {alert.rule_name || 'Its rule'}
            </Link>
          ) : (
            alert.rule_name || '–'
          ),
        },
        alert.threshold !== null && { term: 'Limit', value: measure(alert, alert.threshold, scale) },
        alert.value !== null &&
          alert.threshold !== null && { term: 'When it opened', value: measure(alert, alert.value, scale) },
        alert.peak !== null &&
          alert.threshold !== null && { term: 'Worst value', value: measure(alert, alert.peak, scale) },
        { term: 'Out of range since', value: moment(alert.started_at, zone) },
        { term: 'Opened', value: moment(alert.opened_at, zone) },
        alert.found_at !== null && { term: 'Found late', value: moment(alert.found_at, zone) },
        { term: alert.resolved_at ? 'Lasted' : 'Lasting', value: long },
        alert.acknowledged_at !== null && { term: 'Acknowledged', value: moment(alert.acknowledged_at, zone) },
        alert.resolved_at !== null && { term: 'Resolved', value: moment(alert.resolved_at, zone) },
        Boolean(alert.corrective_action) && { term: 'Corrective action', value: alert.corrective_action },
        Boolean(alert.cause) && { term: 'Cause', value: alert.cause },
        Boolean(alert.disposition) && { term: 'Food', value: alert.disposition },
        Boolean(alert.amount) && { term: 'Amount', value: alert.amount },
      ]}
    />
  )
}
