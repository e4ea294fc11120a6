import { Button, SegmentedControl, Textarea, TextInput } from '@mantine/core'
import { useId, useState } from 'react'
import { Problem } from '@/shared/api/client'
import type { Alert } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { Dialog } from '@/shared/ui/Dialog'
import classes from './AlertDialogs.module.css'
import { useMove } from './moves'
import { resolve } from './queries'
import { ACTIONS, CAUSES } from './suggestions'

const GOODS = ['Kept', 'Moved', 'Cooked', 'Discarded']

interface Props {
  alert: Alert
  onClose: () => void
}

/** What happened, what was done and what became of the food. A critical alert asks for all three, and needs the second. */
export function ResolveDialog({ alert, onClose }: Props) {
  const { organization } = useMember()
  const [action, setAction] = useState('')
  const [cause, setCause] = useState('')
  const [goods, setGoods] = useState('')
  const [amount, setAmount] = useState('')
  const [missing, setMissing] = useState(false)
  const required = alert.severity === 'critical'
  const words = { corrective_action: action.trim(), cause: cause.trim(), disposition: goods, amount: amount.trim() }
  const moving = useMove(alert, () => resolve(organization, alert.id, words), 'Alert resolved', onClose)
  const said = moving.error instanceof Problem ? moving.error.fields : []
  const label = useId()
  return (
    <Dialog
      title="Resolve alert"
      opened
      onClose={onClose}
      submit="Resolve"
      pending={moving.isPending}
      error={said.length > 0 ? null : moving.error}
      onSubmit={() => {
        const empty = required && words.corrective_action === ''
        setMissing(empty)
        if (!empty) moving.mutate(undefined)
      }}
    >
      <div className={classes.group}>
        <Textarea
          label="Cause"
          description="Optional. Why it happened, if you know."
          value={cause}
          onChange={(event) => setCause(event.currentTarget.value)}
          maxLength={2000}
          autosize
          minRows={1}
        />
        <Suggestions
          name="Frequent causes"
          words={CAUSES[alert.condition] ?? CAUSES.above}
          chosen={cause}
          onChoose={setCause}
        />
      </div>
      <div className={classes.group}>
        <Textarea
          label="Corrective action"
          description={
            required
              ? 'What was done with the unit and what it holds. Inspectors read this.'
              : 'Optional. What was done with the unit and what it holds.'
          }
          error={
            missing
              ? 'Say what was done: a critical alert is only resolved with its corrective action.'
              : said.find((field) => field.field === 'corrective_action')?.detail
          }
          required={required}
          value={action}
          onChange={(event) => setAction(event.currentTarget.value)}
          maxLength={2000}
          autosize
          minRows={2}
          data-autofocus
        />
        <Suggestions
          name="What is done most"
          words={ACTIONS[alert.condition] ?? ACTIONS.above}
          chosen={action}
          onChoose={setAction}
        />
      </div>
      <fieldset className={classes.goods}>
        <legend id={label}>What happened to the food</legend>
        <SegmentedControl
          fullWidth
          aria-labelledby={label}
          value={goods}
          onChange={setGoods}
          data={[{ value: '', label: 'Not said' }, ...GOODS]}
          className={classes.choices}
        />
        {goods !== '' && (
          <TextInput
            label="How much"
            placeholder="12 kg, 3 boxes of milk"
            value={amount}
            onChange={(event) => setAmount(event.currentTarget.value)}
            maxLength={120}
          />
        )}
      </fieldset>
    </Dialog>
  )
}

interface SuggestionProps {
  name: string
  words: readonly string[] | undefined
  chosen: string
  onChoose: (words: string) => void
}

/** One tap instead of a sentence; it can be changed afterwards. */
function Suggestions({ name, words = [], chosen, onChoose }: SuggestionProps) {
  return (
    <ul className={classes.suggestions} aria-label={name}>
      {words.map((each) => (
        <li key={each}>
          <Button
            variant={chosen === each ? 'light' : 'default'}
            size="compact-sm"
            radius="xl"
            aria-pressed={chosen === each}
            onClick={() => onChoose(each)}
          >
            {each}
          </Button>
        </li>
      ))}
    </ul>
  )
}
