import { TextInput } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { RuleReason, Unit } from '@/shared/api/types'
import { sentenceIn } from '@/shared/measures'
import { useMember } from '@/shared/member'
import { useScale } from '@/shared/preferences'
import { useZone } from '@/shared/sites'
import { Dialog } from '@/shared/ui/Dialog'
import { StatusBadge } from '@/shared/ui/StatusBadge'
import { Loading, Trouble } from '@/shared/ui/states'
import { SEVERITY } from '@/shared/ui/status'
import { clockWords } from '@/shared/units'
import { momentOfText, wallText } from '@/shared/zone'
import { reasonsQuery } from './queries'
import classes from './UnitRules.module.css'

/** Why did, or didn't, this unit alert at a moment? Every rule that could have answers. */
export function ReasonsDialog({ unit, onClose }: { unit: Unit; onClose: () => void }) {
  const zone = useZone(unit.site)
  const [text, setText] = useState(() => wallText(Date.now(), zone))
  const at = momentOfText(text, zone)
  const clock = clockWords(zone, Date.now())
  const wrong = Number.isNaN(at)
    ? 'Enter a date with its time.'
    : at > Date.now() + 60_000
      ? 'This is yet to come.'
      : null
  return (
    <Dialog
      title="Why is there (no) alert?"
      opened
      onClose={onClose}
      onSubmit={() => undefined}
      submit={undefined}
      cancel="Close"
      pending={false}
      size="lg"
    >
      <TextInput
        type="datetime-local"
        label="At this moment"
        description={clock && `${clock.replace('times', 'Times')}.`}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        error={wrong}
      />
      {!wrong && <Reasons unit={unit.id} at={new Date(at).toISOString()} />}
    </Dialog>
  )
}

interface Props {
  unit: string
  /** RFC 3339. */
  at: string
  rule?: string
}

/** What each rule said at a moment, those in force first. */
export function Reasons({ unit, at, rule }: Props) {
  const { organization } = useMember()
  const asked = useQuery({ ...reasonsQuery(organization, unit, at, rule), placeholderData: keepPreviousData })
  if (asked.isPending) return <Loading rows={4} />
  if (asked.error && !asked.data) return <Trouble error={asked.error} retry={() => void asked.refetch()} />
  const ordered = [...(asked.data ?? [])].sort(
    (a, b) => Number(b.open_alert !== null) - Number(a.open_alert !== null) || Number(b.in_force) - Number(a.in_force),
  )
  if (ordered.length === 0) return <p className={classes.none}>No rule could concern this unit.</p>
  return (
    <ul className={classes.reasons} aria-busy={asked.isFetching}>
      {ordered.map((each) => (
        <Reason key={each.rule} reason={each} />
      ))}
    </ul>
  )
}

function Reason({ reason }: { reason: RuleReason }) {
  const { organization } = useMember()
  const scale = useScale()
  const { tone, word } = SEVERITY[reason.severity]
  return (
    <li className={classes.reason} data-off={!reason.in_force || undefined}>
      <div className={classes.line}>
        <span className={classes.name}>{reason.rule_name || 'Rule'}</span>
        <StatusBadge tone={tone} quiet>
          {word}
        </StatusBadge>
      </div>
      {reason.words.map((each) => (
        <p key={each}>{sentenceIn(each, scale)}</p>
      ))}
      {reason.open_alert && (
        <Link
          to="/o/$org/alerts/$alert"
          params={{ org: organization, alert: reason.open_alert }}
          className={classes.link}
        >
          The alert that was open
        </Link>
      )}
    </li>
  )
}

/** On an alert's page: what all the rules of its unit said when it opened, for who wants to know. */
export function ReasonsThen({ unit, at }: { unit: string; at: string }) {
  const [opened, setOpened] = useState(false)
  return (
    <details className={classes.then} onToggle={(event) => setOpened(event.currentTarget.open)}>
      <summary>What every rule of this unit said then</summary>
      {opened && <Reasons unit={unit} at={at} />}
    </details>
  )
}
