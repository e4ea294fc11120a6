import { ActionIcon, Button, Checkbox } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import { Problem } from '@/shared/api/client'
import { fieldError } from '@/shared/ui/Dialog'
import { IconArrowDown, IconArrowUp, IconClose } from '@/shared/ui/icons'
import { type DraftStep, MOST_STEPS, swapped, type WrongStep, withoutStep, withStep } from './draft'
import { MinutesField } from './MinutesField'
import classes from './Policy.module.css'
import { TargetsField } from './TargetsField'
import type { People } from './words'

interface Props {
  steps: DraftStep[]
  onSteps: (steps: DraftStep[]) => void
  people: People
  /** By the keys of the steps. */
  wrong: Record<number, WrongStep>
  error: Error | null
  sent: number[]
}

type Move = 'up' | 'down'

/** Who is told, one step after the other. Steps move by buttons, and the focus goes with them. */
export function StepsField({ steps, onSteps, people, wrong, error, sent }: Props) {
  const list = useRef<HTMLOListElement>(null)
  const adding = useRef<HTMLButtonElement>(null)
  const [said, setSaid] = useState('')
  // What to focus once the steps stand in their new order.
  const after = useRef<{ key: number; move: Move } | 'add' | null>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: it runs when the order has changed
  useEffect(() => {
    const wanted = after.current
    after.current = null
    if (wanted === 'add') adding.current?.focus()
    else if (wanted) {
      const step = list.current?.querySelector(`[data-step="${wanted.key}"]`)
      const other = wanted.move === 'up' ? 'down' : 'up'
      const button = [wanted.move, other].map((move) => step?.querySelector<HTMLElement>(`[data-move="${move}"]`))
      button.find((each) => each && !each.hasAttribute('disabled'))?.focus()
    }
  }, [steps])

  const change = (key: number, fields: Partial<DraftStep>) =>
    onSteps(steps.map((step) => (step.key === key ? { ...step, ...fields } : step)))
  const move = (place: number, way: Move) => {
    const to = way === 'up' ? place - 1 : place + 1
    after.current = { key: steps[place]?.key ?? 0, move: way }
    onSteps(swapped(steps, place, to))
    setSaid(`Step ${place + 1} is now step ${to + 1}.`)
  }
  const remove = (place: number) => {
    after.current = 'add'
    onSteps(withoutStep(steps, place))
    setSaid(`Step ${place + 1} was removed.`)
  }
  const refused = error instanceof Problem && error.fields.find(({ field }) => field === 'steps')?.detail
  return (
    <div>
      <span className={classes.label}>Steps</span>
      <p className={classes.quiet}>One after the other, until somebody answers.</p>
      <ol ref={list} className={classes.steps}>
        {steps.map((step, place) => (
          <StepField
            key={step.key}
            {...{ step, place, people, error }}
            of={steps.length}
            at={sent.indexOf(step.key)}
            wrong={wrong[step.key] ?? {}}
            onChange={(fields) => change(step.key, fields)}
            onMove={(way) => move(place, way)}
            onRemove={() => remove(place)}
          />
        ))}
      </ol>
      {refused && (
        <p role="alert" className={classes.missing}>
          {refused}
        </p>
      )}
      <p className="visually-hidden" role="status">
        {said}
      </p>
      {steps.length < MOST_STEPS && (
        <Button ref={adding} variant="default" onClick={() => onSteps(withStep(steps))}>
          Add a step
        </Button>
      )}
    </div>
  )
}

interface StepProps {
  step: DraftStep
  place: number
  of: number
  people: People
  wrong: WrongStep
  error: Error | null
  /** Where it stood when it was sent; -1: it wasn't. */
  at: number
  onChange: (fields: Partial<DraftStep>) => void
  onMove: (way: Move) => void
  onRemove: () => void
}

function StepField({ step, place, of, people, wrong, error, at, onChange, onMove, onRemove }: StepProps) {
  const words = `step ${place + 1}`
  const refused = (field: string) => (at < 0 ? undefined : fieldError(error, `steps.${at}.${field}`))
  return (
    <li className={classes.step} data-step={step.key}>
      <fieldset className={classes.group}>
        <legend className={classes.legend}>Step {place + 1}</legend>
        <div className={classes.moves}>
          <MoveButton move="up" label={`Move ${words} up`} disabled={place === 0} onClick={() => onMove('up')} />
          <MoveButton
            move="down"
            label={`Move ${words} down`}
            disabled={place === of - 1}
            onClick={() => onMove('down')}
          />
          {of > 1 && (
            <ActionIcon variant="subtle" size={44} aria-label={`Remove ${words}`} onClick={onRemove}>
              <IconClose size={18} />
            </ActionIcon>
          )}
        </div>
        <MinutesField
          label={place === 0 ? 'After the alert opens' : 'After the step before'}
          seconds={step.wait_s}
          onSeconds={(wait_s) => onChange({ wait_s })}
          error={wrong.wait_s ?? refused('wait_s')}
        />
        <TargetsField
          targets={step.targets}
          onTargets={(targets) => onChange({ targets })}
          people={people}
          error={wrong.targets ?? refused('targets')}
        />
        <Checkbox
          label="Quiet hours don't hold it back"
          checked={step.urgent}
          onChange={(event) => onChange({ urgent: event.currentTarget.checked })}
          error={refused('urgent')}
        />
      </fieldset>
    </li>
  )
}

interface MoveProps {
  move: Move
  label: string
  disabled: boolean
  onClick: () => void
}

function MoveButton({ move, label, disabled, onClick }: MoveProps) {
  return (
    <ActionIcon variant="subtle" size={44} aria-label={label} data-move={move} disabled={disabled} onClick={onClick}>
      {move === 'up' ? <IconArrowUp size={18} /> : <IconArrowDown size={18} />}
    </ActionIcon>
  )
}
