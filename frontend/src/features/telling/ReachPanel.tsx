import { Button, SegmentedControl } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { Severity } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { Notice } from '@/shared/ui/Notice'
import { Panel } from '@/shared/ui/Panel'
import { StatusBadge } from '@/shared/ui/StatusBadge'
import { Loading, Trouble } from '@/shared/ui/states'
import { SEVERITY, type Tone } from '@/shared/ui/status'
import { moment } from '@/shared/units'
import { SEVERITIES } from './drafts'
import { type Reached, reachQuery } from './queries'
import classes from './Telling.module.css'
import { CHANNELS } from './words'

/** Who would be told if this unit alerted now, how, and why others wouldn't. For those who look after others. */
export function ReachPanel({ unit }: { unit: string }) {
  const member = useMember()
  const [isOpen, setOpen] = useState(false)
  if (!may(member, 'alerts.reach')) return null
  return (
    <Panel
      title="Who would be told"
      flush={isOpen}
      actions={
        <Button variant="default" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'Hide' : 'Show'}
        </Button>
      }
    >
      {isOpen ? (
        <Reach organization={member.organization} unit={unit} />
      ) : (
        <p className={classes.about}>If this unit alerted now: who hears of it, by what, and who doesn't.</p>
      )}
    </Panel>
  )
}

function Reach({ organization, unit }: { organization: string; unit: string }) {
  const [severity, setSeverity] = useState<Severity>('critical')
  const reach = useQuery(reachQuery(organization, severity, unit))
  const people = reach.data?.results ?? []
  return (
    <>
      <div className={classes.choice}>
        <SegmentedControl
          fullWidth
          aria-label="If it is"
          value={severity}
          onChange={(value) => setSeverity(value as Severity)}
          data={SEVERITIES.map((each) => ({ value: each, label: SEVERITY[each].word }))}
        />
        {reach.data?.policy && (
          <p className={classes.about}>
            By the escalation policy{' '}
            <Link to="/o/$org/escalation/$policy" params={{ org: organization, policy: reach.data.policy }}>
              {reach.data.policy_name}
            </Link>
            .
          </p>
        )}
        {reach.data?.warnings.map((warning) => (
          <Notice key={warning} tone="warning" title={warning} />
        ))}
      </div>
      {reach.isPending && <Loading rows={3} />}
      {reach.error && !reach.data && <Trouble error={reach.error} retry={() => void reach.refetch()} />}
      {reach.data && people.length === 0 && <p className={classes.empty}>Nobody.</p>}
      <ul className={classes.rows}>
        {people.map((person) => (
          <Person key={person.user} person={person} />
        ))}
      </ul>
    </>
  )
}

function Person({ person }: { person: Reached }) {
  const { name, channels, reasons } = person
  const outcome = outcomeOf(person)
  return (
    <li className={classes.row}>
      <div className={classes.facts}>
        <p className={classes.name}>
          {name}
          <StatusBadge tone={outcome.tone} quiet>
            {outcome.word}
          </StatusBadge>
        </p>
        {channels.map(({ kind, to, at, why }) => (
          <p key={`${kind} ${to}`} className={classes.about}>
            {`${CHANNELS[kind].word} to ${to}, ${when(at)}. ${why}`}
          </p>
        ))}
        {reasons.map((reason) => (
          <p key={reason} className={classes.about}>
            {reason}
          </p>
        ))}
      </div>
    </li>
  )
}

/** "Told at step 2 of 3, if nobody has answered by then." */
const LATER_STEP = /^Told at step /

/** Whoever is woken by nothing for hours, or by a later step only, isn't told yet. */
function outcomeOf({ told, channels, reasons }: Reached): { tone: Tone; word: string } {
  if (!told && reasons.some((reason) => LATER_STEP.test(reason))) return { tone: 'warning', word: 'Told later' }
  if (!told) return { tone: 'no-data', word: 'In the app only' }
  return channels.some(({ at }) => isNow(at)) ? { tone: 'ok', word: 'Told' } : { tone: 'warning', word: 'Told later' }
}

const isNow = (at: string): boolean => Date.parse(at) - Date.now() < 60_000

/** "at once", or when quiet hours let it. */
function when(at: string): string {
  return isNow(at) ? 'at once' : `on ${moment(at)}`
}
