import { ActionIcon, Switch, TextInput } from '@mantine/core'
import { useId } from 'react'
import { IconCopy, IconMinus, IconPlus } from '@/shared/ui/icons'
import { toast } from '@/shared/ui/toast'
import { DAY_NAMES, DAYS, type Day, isNight, MOST_A_DAY, type Span, type Week } from './hours'
import classes from './WeekField.module.css'

interface Props {
  week: Week
  onWeek: (week: Week) => void
  /** What is wrong, by day. */
  wrong: Partial<Record<Day, string>>
}

const FIRST: Span = { opens: '08:00', closes: '22:00' }
const SECOND: Span = { opens: '17:00', closes: '22:00' }

/** A row a day: open or closed, from when to when, and one tap that gives every day the same. */
export function WeekField({ week, onWeek, wrong }: Props) {
  const set = (day: Day, spans: Span[]) => onWeek({ ...week, [day]: spans })
  const copy = (day: Day) => {
    onWeek(Object.fromEntries(DAYS.map((each) => [each, week[day].map((span) => ({ ...span }))])) as Week)
    toast({ tone: 'ok', title: `Every day has the hours of ${DAY_NAMES[day]}`, seconds: 4 })
  }
  return (
    <div className={classes.week}>
      {DAYS.map((day) => (
        <DayRow
          key={day}
          day={day}
          spans={week[day]}
          onSpans={(spans) => set(day, spans)}
          onCopy={() => copy(day)}
          wrong={wrong[day]}
        />
      ))}
    </div>
  )
}

interface RowProps {
  day: Day
  spans: Span[]
  onSpans: (spans: Span[]) => void
  onCopy: () => void
  wrong: string | undefined
}

function DayRow({ day, spans, onSpans, onCopy, wrong }: RowProps) {
  const id = useId()
  const name = DAY_NAMES[day]
  const isOpen = spans.length > 0
  return (
    <fieldset className={classes.day} aria-describedby={wrong ? id : undefined}>
      <legend className="visually-hidden">{name}</legend>
      <Switch
        className={classes.switch}
        label={
          <>
            <span className={classes.name}>{name}</span> <span className={classes.state}>{isOpen ? '' : 'closed'}</span>
          </>
        }
        aria-label={`${name}: open`}
        checked={isOpen}
        onChange={(event) => onSpans(event.currentTarget.checked ? [FIRST] : [])}
      />
      <div className={classes.tools}>
        {isOpen && spans.length < MOST_A_DAY - 1 && (
          <Tool label={`More hours on ${name}`} onClick={() => onSpans([...spans, SECOND])}>
            <IconPlus size={18} />
          </Tool>
        )}
        <Tool label={`Copy ${name} to every day`} onClick={onCopy}>
          <IconCopy size={18} />
        </Tool>
      </div>
      {isOpen && (
        <ul className={classes.spans}>
          {spans.map((span, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: hours have no name but their place
            <li key={place} className={classes.span}>
              <SpanFields
                span={span}
                isWrong={wrong !== undefined}
                onSpan={(changed) => onSpans(spans.map((each, at) => (at === place ? changed : each)))}
              />
              {spans.length > 1 && (
                <Tool
                  label={`Remove these hours of ${name}`}
                  onClick={() => onSpans(spans.filter((_, at) => at !== place))}
                >
                  <IconMinus size={18} />
                </Tool>
              )}
            </li>
          ))}
        </ul>
      )}
      {wrong && (
        <p id={id} role="alert" className={classes.error}>
          {wrong}
        </p>
      )}
    </fieldset>
  )
}

interface SpanProps {
  span: Span
  isWrong: boolean
  onSpan: (span: Span) => void
}

function SpanFields({ span, isWrong, onSpan }: SpanProps) {
  return (
    <>
      <TextInput
        type="time"
        aria-label="Opens"
        className={classes.time}
        value={span.opens}
        onChange={(event) => onSpan({ ...span, opens: event.currentTarget.value })}
        error={isWrong}
      />
      <span aria-hidden="true">–</span>
      <TextInput
        type="time"
        aria-label="Closes"
        className={classes.time}
        value={span.closes}
        onChange={(event) => onSpan({ ...span, closes: event.currentTarget.value })}
        error={isWrong}
      />
      {isNight(span) && <span className={classes.night}>next day</span>}
      {span.closes === '00:00' && (
        <span className={classes.night}>{span.opens === '00:00' ? 'all day' : 'midnight'}</span>
      )}
    </>
  )
}

interface ToolProps {
  label: string
  onClick: () => void
  children: React.ReactNode
}

function Tool({ label, onClick, children }: ToolProps) {
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      className={classes.tool}
      aria-label={label}
      title={label}
      onClick={onClick}
    >
      {children}
    </ActionIcon>
  )
}
