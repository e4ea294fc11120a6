import { Button } from '@mantine/core'
import { useState } from 'react'
import { StatusMark } from '@/shared/ui/StatusBadge'
import { moment } from '@/shared/units'
import type { RehearsedPerson, RehearsedStep } from './queries'
import classes from './StepTimeline.module.css'
import { Ways } from './Ways'
import { isTold, listWords, reaches, stepTitle } from './words'

interface Props {
  steps: RehearsedStep[]
  /** Whose clock is shown; undefined: the reader's. */
  zone: string | undefined
  /** More than these are folded. */
  most?: number
}

/** Steps that would be taken, in order: when, who, how; those that reach nobody are pointed out. */
export function StepTimeline({ steps, zone, most = 20 }: Props) {
  const [isWhole, setWhole] = useState(false)
  const shown = isWhole || steps.length <= most + 1 ? steps : steps.slice(0, most)
  const first = steps[0]?.round ?? 1
  return (
    <>
      <ol className={classes.steps}>
        {shown.map((step) => (
          <Step key={`${step.round} ${step.step}`} {...{ step, first, zone }} />
        ))}
      </ol>
      {shown.length < steps.length && (
        <Button variant="subtle" size="compact-sm" onClick={() => setWhole(true)}>
          Show {steps.length - shown.length} more
        </Button>
      )}
    </>
  )
}

interface StepProps {
  step: RehearsedStep
  /** The round that is shown first. */
  first: number
  zone: string | undefined
}

function Step({ step, first, zone }: StepProps) {
  const isEmpty = !reaches(step)
  // How they are told in the first round says it of the next: names are enough.
  const again =
    step.round > first &&
    listWords(
      step.people.filter(isTold).map(({ name }) => name),
      FEW,
    )
  return (
    <li className={classes.step} data-empty={isEmpty || undefined}>
      <div className={classes.line}>
        <span className={classes.title}>{stepTitle(step, first)}</span>
        <time className={classes.when} dateTime={step.at}>
          {moment(step.at, zone)}
        </time>
      </div>
      {isEmpty && (
        <p className={classes.nobody} data-tone="warning">
          <StatusMark tone="warning" size={16} />
          Reaches nobody: it is passed over.
        </p>
      )}
      {again ? <p className={classes.small}>{again}</p> : <People step={step} zone={zone} />}
    </li>
  )
}

/** A whole kitchen is named by its first few. */
const FEW = 4

function People({ step, zone }: { step: RehearsedStep; zone: string | undefined }) {
  const [isWhole, setWhole] = useState(false)
  const told = step.people.filter(isTold)
  const others = step.people.filter((person) => !isTold(person))
  const shown = isWhole || told.length <= FEW + 1 ? told : told.slice(0, FEW)
  return (
    <>
      {shown.length > 0 && (
        <ul className={classes.people}>
          {shown.map((person) => (
            <li key={person.user} className={classes.person}>
              <span className={classes.name}>{person.name}</span>
              <Ways {...{ person, zone }} turn={step.at} />
            </li>
          ))}
        </ul>
      )}
      {shown.length < told.length && (
        <Button variant="subtle" size="compact-sm" onClick={() => setWhole(true)}>
          and {told.length - shown.length} more
        </Button>
      )}
      {others.length > 0 && <NotTold people={others} />}
    </>
  )
}

function NotTold({ people }: { people: RehearsedPerson[] }) {
  const [only] = people
  if (people.length === 1 && only)
    return <p className={classes.small}>{[`Not ${only.name}.`, ...only.reasons].join(' ')}</p>
  return (
    <details className={classes.small}>
      <summary>Not {listWords(people.map(({ name }) => name))}</summary>
      {people.map(({ user, name, reasons }) => (
        <p key={user}>{`${name}: ${reasons.join(' ')}`}</p>
      ))}
    </details>
  )
}
