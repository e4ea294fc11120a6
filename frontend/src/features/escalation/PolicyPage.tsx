import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { Colleague } from '@/shared/api/types'
import { type Member, may, useMember } from '@/shared/member'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { duration } from '@/shared/units'
import { DryRunPanel } from './DryRunPanel'
import { type Draft, draftOf, newDraft } from './draft'
import classes from './Policy.module.css'
import { PolicyEditor } from './PolicyEditor'
import type { Policy } from './queries'
import { usePeople } from './usePeople'
import { HOURS, listWords, type People, type Places, SEVERITIES, scopeKind, scopeWords, targetWords } from './words'

interface Props {
  /** undefined: a new one. */
  policy: Policy | undefined
  places: Places
  colleagues: Colleague[]
  /** It was saved, deleted or left: back to all of them. */
  onDone: () => void
}

/** What holds for every site isn't for members to change who are restricted to some. */
function mayChange(member: Member, policy: Policy | undefined): boolean {
  if (!may(member, 'escalation.change')) return false
  return !policy || !member.sites || ['site', 'unit'].includes(scopeKind(policy.scope))
}

/** Whoever is restricted to some sites makes policies of these. */
function firstDraft(member: Member): Draft {
  if (!member.sites) return newDraft({ scopeKind: 'organization', scopeOf: '' })
  return newDraft({ scopeKind: 'site', scopeOf: member.sites.length === 1 ? (member.sites[0] ?? '') : '' })
}

/** One policy: what it says, and what it would do if an alert opened. */
export function PolicyPage({ policy, places, colleagues, onDone }: Props) {
  const member = useMember()
  const people = usePeople(colleagues)
  const [before] = useState<Draft>(() => (policy ? draftOf(policy) : firstDraft(member)))
  const [draft, setDraft] = useState(before)
  return (
    <Page
      title={policy ? policy.name : 'New policy'}
      above={
        <Link to="/o/$org/escalation" params={{ org: member.organization }} className={classes.crumb}>
          Escalation
        </Link>
      }
      below={
        policy && [scopeWords(policy.scope, places), !policy.enabled && 'switched off'].filter(Boolean).join(' · ')
      }
    >
      <div className={classes.columns}>
        {mayChange(member, policy) ? (
          <PolicyEditor
            {...{ policy, draft, before, places, people, onDone }}
            onDraft={(change) => setDraft((now) => ({ ...now, ...change }))}
          />
        ) : (
          policy && <ReadOnly {...{ policy, places, people }} />
        )}
        {may(member, 'escalation.change') && <DryRunPanel draft={draft} places={places} />}
      </div>
    </Page>
  )
}

function ReadOnly({ policy, places, people }: { policy: Policy; places: Places; people: People }) {
  const member = useMember()
  const { scope, severity, hours, steps, repeat_s } = policy
  const wait = (seconds: number, place: number) => {
    if (seconds === 0) return place === 0 ? 'At once' : 'At the same time'
    return `After ${duration(seconds * 1000)}`
  }
  return (
    <Panel title="What it says">
      <p className={classes.says}>{[scopeWords(scope, places), SEVERITIES[severity], HOURS[hours]].join(' · ')}</p>
      <ol className={classes.said}>
        {steps.map(({ wait_s, targets, urgent }, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the steps of a policy that isn't edited don't move
          <li key={place}>
            {wait(wait_s, place)}:{' '}
            {listWords(
              targets.map((target) => targetWords(target, people)),
              20,
            )}
            {urgent && <span className={classes.quiet}> · quiet hours don't hold it back</span>}
          </li>
        ))}
      </ol>
      <p className={classes.quiet}>
        Again from the first step after {duration(repeat_s * 1000)}, until somebody answers.
      </p>
      <p className={classes.quiet}>
        {member.sites && may(member, 'escalation.change')
          ? 'It holds beyond your sites. A manager of the whole organization can change it.'
          : 'Your role can look. A manager can change it.'}
      </p>
    </Panel>
  )
}
