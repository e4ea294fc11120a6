import { ActionIcon, Button, SegmentedControl, TextInput, Tooltip } from '@mantine/core'
import { useState } from 'react'
import { Dialog, Words } from '@/shared/ui/Dialog'
import {
  IconCalendar,
  IconChart,
  IconChevronLeft,
  IconChevronRight,
  IconMinus,
  IconPlus,
  IconTable,
  IconUndo,
} from '@/shared/ui/icons'
import { clockWords } from '@/shared/units'
import { momentOfText, wallText } from '@/shared/zone'
import classes from './RangeControls.module.css'
import {
  bounded,
  DEFAULT_PRESET,
  FIRST_MOMENT,
  moved,
  PRESET_NAMES,
  PRESETS,
  type Preset,
  type Stretch,
  type View,
  zoomed,
} from './range'

interface PresetProps {
  view: View
  onView: (view: View) => void
  /** Somebody's pointer is on it: what it shows may be fetched. */
  onHint: (preset: Preset) => void
}

/** An hour to everything, each ending now. */
export function Presets({ view, onView, onHint }: PresetProps) {
  return (
    <SegmentedControl
      className={classes.presets}
      classNames={{ label: classes.preset }}
      size="xs"
      aria-label="Time shown"
      value={'preset' in view ? view.preset : ''}
      onChange={(value) => onView({ preset: value as Preset })}
      data={PRESET_NAMES.map((value) => ({
        value,
        label: <span onPointerEnter={() => onHint(value)}>{PRESETS[value].label}</span>,
      }))}
    />
  )
}

interface StepProps {
  stretch: Stretch
  zone: string | undefined
  onView: (view: View) => void
  /** undefined: there is nothing to go back to. */
  onBack: (() => void) | undefined
  isTable: boolean
  onTable: (isTable: boolean) => void
  /** On a page about something else than all of a unit's history. */
  limited?: boolean
  /** What else may be done with what is shown. */
  children?: React.ReactNode
}

/** Earlier, later, closer, farther, back, an own stretch, and the same as a table. */
export function Steps({ stretch, zone, onView, onBack, isTable, onTable, limited, children }: StepProps) {
  const [choosing, setChoosing] = useState(false)
  const middle = (stretch.from + stretch.to) / 2
  const atEnd = stretch.to >= Date.now() - 10_000
  return (
    <div className={classes.steps} role="toolbar" aria-label="Move and zoom">
      <div className={classes.group}>
        <Step name="Earlier" onClick={() => onView(moved(stretch, -0.5, Date.now()))}>
          <IconChevronLeft size={18} />
        </Step>
        <Step name="Later" disabled={atEnd} onClick={() => onView(moved(stretch, 0.5, Date.now()))}>
          <IconChevronRight size={18} />
        </Step>
        <Step name="Zoom out" onClick={() => onView(zoomed(stretch, 2, atEnd ? stretch.to : middle, Date.now()))}>
          <IconMinus size={18} />
        </Step>
        <Step name="Zoom in" onClick={() => onView(zoomed(stretch, 0.5, atEnd ? stretch.to : middle, Date.now()))}>
          <IconPlus size={18} />
        </Step>
        <Step name="Back to what was shown before" disabled={!onBack} onClick={() => onBack?.()}>
          <IconUndo size={18} />
        </Step>
      </div>
      <div className={classes.group}>
        {!limited && (
          <Step name="Choose a time" onClick={() => setChoosing(true)}>
            <IconCalendar size={18} />
          </Step>
        )}
        <Step name={isTable ? 'Show as a chart' : 'Show as a table'} onClick={() => onTable(!isTable)}>
          {isTable ? <IconChart size={18} /> : <IconTable size={18} />}
        </Step>
        {children}
      </div>
      {choosing && (
        <StretchDialog
          {...{ stretch, zone }}
          onClose={() => setChoosing(false)}
          onStretch={(chosen) => {
            setChoosing(false)
            onView(chosen)
          }}
          onReset={() => {
            setChoosing(false)
            onView({ preset: DEFAULT_PRESET })
          }}
        />
      )}
    </div>
  )
}

interface OneStepProps {
  name: string
  disabled?: boolean
  onClick: () => void
  children: React.ReactNode
}

function Step({ name, disabled, onClick, children }: OneStepProps) {
  return (
    <Tooltip label={name} openDelay={500} withinPortal>
      <ActionIcon
        className={classes.step}
        variant="default"
        size={36}
        aria-label={name}
        // (Not `disabled`: the focus would be lost where a step can be made no more.)
        aria-disabled={disabled || undefined}
        data-disabled={disabled || undefined}
        onClick={disabled ? undefined : onClick}
      >
        {children}
      </ActionIcon>
    </Tooltip>
  )
}

interface StretchDialogProps {
  stretch: Stretch
  zone: string | undefined
  onClose: () => void
  onStretch: (stretch: Stretch) => void
  onReset: () => void
}

function StretchDialog({ stretch, zone, onClose, onStretch, onReset }: StretchDialogProps) {
  const [from, setFrom] = useState(wallText(stretch.from, zone))
  const [to, setTo] = useState(wallText(stretch.to, zone))
  const wrong = wrongWith(from, to, zone)
  return (
    <Dialog
      title="Choose a time"
      opened
      onClose={onClose}
      submit="Show"
      pending={false}
      disabled={Boolean(wrong)}
      onSubmit={() => onStretch(bounded({ from: momentOfText(from, zone), to: momentOfText(to, zone) }, Date.now()))}
    >
      <StretchFields {...{ from, to, zone, wrong }} onFrom={setFrom} onTo={setTo} />
      <div>
        <Button variant="subtle" size="compact-sm" onClick={onReset}>
          Back to the last 24 hours
        </Button>
      </div>
    </Dialog>
  )
}

interface FieldsProps {
  from: string
  to: string
  zone: string | undefined
  wrong: string | null
  onFrom: (text: string) => void
  onTo: (text: string) => void
}

/** From and to, on the site's clock. */
export function StretchFields({ from, to, zone, wrong, onFrom, onTo }: FieldsProps) {
  const clock = clockWords(zone, Date.now())
  return (
    <>
      <div className={classes.fields}>
        <TextInput
          type="datetime-local"
          label="From"
          required
          withAsterisk={false}
          value={from}
          onChange={(event) => onFrom(event.currentTarget.value)}
        />
        <TextInput
          type="datetime-local"
          label="To"
          required
          withAsterisk={false}
          value={to}
          error={wrong}
          onChange={(event) => onTo(event.currentTarget.value)}
        />
      </div>
      {clock && <Words>{`${clock.replace('times', 'Times')}.`}</Words>}
    </>
  )
}

/** What is wrong with two moments, in words. */
export function wrongWith(from: string, to: string, zone: string | undefined): string | null {
  const [start, end] = [momentOfText(from, zone), momentOfText(to, zone)]
  if (Number.isNaN(start) || Number.isNaN(end)) return 'Enter both dates with their times.'
  if (start >= end) return 'This must be after the start.'
  if (start < FIRST_MOMENT) return 'There are no readings from before the year 2000.'
  if (start > Date.now()) return 'The start lies in the future.'
  return null
}
