import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Alert, Colleague } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { useNow } from '@/shared/now'
import { useZone } from '@/shared/sites'
import { Panel } from '@/shared/ui/Panel'
import { StatusMark } from '@/shared/ui/StatusBadge'
import { Loading, Trouble } from '@/shared/ui/states'
import { momentAt, zoneNote } from '@/shared/units'
import classes from './NextPanel.module.css'
import { nextQuery, type Rehearsal } from './queries'
import { StepTimeline } from './StepTimeline'
import { countdown, nameOf, type Turn, turnOf } from './words'

interface Props {
  alert: Alert
  /** For the name of whoever answered. */
  colleagues: Colleague[]
}

/** Whether somebody is on their way, and if not, who is woken next. For alerts that aren't resolved. */
export function NextPanel({ alert, colleagues }: Props) {
  const { organization } = useMember()
  const zone = useZone(alert.site)
  const next = useQuery(nextQuery(organization, alert.id))
  const elsewhere = zone && zoneNote(zone, Date.parse(alert.opened_at))
  return (
    <Panel title="Who is told next" note={elsewhere && `times in ${elsewhere}`}>
      {next.isPending && <Loading rows={2} />}
      {next.error && !next.data && <Trouble error={next.error} retry={() => void next.refetch()} />}
      {next.data && <Known next={next.data} {...{ alert, colleagues, zone }} />}
    </Panel>
  )
}

interface KnownProps extends Props {
  next: Rehearsal
  zone: string | undefined
}

/** Enough for one look; the rest is a tap away. */
const FEW = 3

function Known({ next, alert, colleagues, zone }: KnownProps) {
  const { state, next_at, results, warnings } = next
  const turn = turnOf(results)
  const isRunning = state === 'running'
  const steps = results.length > 0 && <StepTimeline steps={results} zone={zone} most={FEW} />
  return (
    <div className={classes.next}>
      {isRunning && next_at ? (
        <Running {...{ turn, zone }} at={next_at} />
      ) : (
        <Waiting {...{ next, alert, colleagues, zone, turn }} />
      )}
      {warnings.map((warning) => (
        <p key={warning} className={classes.warning} data-tone="warning">
          <StatusMark tone="warning" size={16} />
          {warning}
        </p>
      ))}
      {isRunning
        ? steps
        : steps && (
            <details className={classes.later}>
              <summary>Who is told then</summary>
              {steps}
            </details>
          )}
      <By next={next} />
    </div>
  )
}

/** Counts down by the second. It isn't read out: a screen reader would talk without end. */
function Running({ turn, at, zone }: { turn: Turn; at: string; zone: string | undefined }) {
  const left = useNow((now) => (Date.parse(at) > now ? countdown(Date.parse(at) - now) : ''))
  const { who, many, held } = turn
  const verb = many || who === 'Managers' ? 'are' : 'is'
  if (left === '') return <p className={classes.state}>{`${who} ${verb} being told now.`}</p>
  return (
    <>
      <p className={classes.state}>
        {who} {verb} told in <span className={classes.count}>{left}</span>, if nobody answers.
      </p>
      {held && (
        <p className={classes.quiet}>Quiet hours: the message itself is held back until {momentAt(held, zone)}.</p>
      )}
    </>
  )
}

interface WaitingProps extends KnownProps {
  turn: Turn
}

/** Answered, snoozed, muted, or nothing to wait for. */
function Waiting({ next, alert, colleagues, zone, turn }: WaitingProps) {
  const { state, next_at } = next
  const until = next_at && momentAt(next_at, zone)
  const then = `If it still lasts then, ${turn.who} ${turn.many ? 'are' : 'is'} told, and the steps begin anew.`
  if (state === 'answered') {
    const by = colleagues.find(({ user }) => user.id === alert.acknowledged_by)
    const who = by ? nameOf(by) : 'somebody'
    return (
      <>
        <p className={classes.state}>{`Answered by ${who}${until ? `; that lapses at ${until}.` : '.'}`}</p>
        <p className={classes.quiet}>{until ? then : 'Nobody else is told while that holds.'}</p>
      </>
    )
  }
  if (state === 'snoozed' || state === 'muted') {
    const word = state === 'snoozed' ? 'Snoozed' : 'Muted'
    return (
      <>
        <p className={classes.state}>{until ? `${word} until ${until}.` : `${word}.`}</p>
        {until && <p className={classes.quiet}>{then}</p>}
      </>
    )
  }
  return (
    <>
      <p className={classes.state}>Nobody is told of this one again.</p>
      <p className={classes.quiet}>
        {alert.severity === 'info'
          ? 'It is for information: nobody has to answer.'
          : 'Another alert covers it, and people are told about that one.'}
      </p>
    </>
  )
}

/** Which policy; without one it is said what holds instead. */
function By({ next: { policy, policy_name, why } }: { next: Rehearsal }) {
  const { organization } = useMember()
  if (!policy) return why ? <p className={classes.quiet}>{why}</p> : null
  return (
    <p className={classes.quiet}>
      By the policy{' '}
      <Link to="/o/$org/escalation/$policy" params={{ org: organization, policy }}>
        {policy_name}
      </Link>
      , as it was when the alert opened.
    </p>
  )
}
