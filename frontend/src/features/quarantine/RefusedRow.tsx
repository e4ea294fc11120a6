import { Button, Checkbox } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { RefusedReading } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { useZone } from '@/shared/sites'
import { Age } from '@/shared/ui/Age'
import { DataList } from '@/shared/ui/DataList'
import { Refusal } from '@/shared/ui/Dialog'
import { IconChevronRight } from '@/shared/ui/icons'
import { StatusBadge } from '@/shared/ui/StatusBadge'
import { toast } from '@/shared/ui/toast'
import { clock, dayOf, moment, momentAt, zoneNote } from '@/shared/units'
import { codeOf, STATES } from './codes'
import classes from './Quarantine.module.css'
import { quarantineKey, resubmit, sensorQuery, storedQuery } from './queries'
import { fieldsOf, MEASURES, measuredWords, payloadText, valueWords } from './values'

interface Props {
  reading: RefusedReading
  /** Whether it is ticked; null where nothing can be decided. */
  chosen: boolean | null
  onChoose: (on: boolean) => void
  onCorrect: () => void
  onDiscard: () => void
}

const serialOf = (reading: RefusedReading): string => {
  const named = reading.serial || 'Unnamed sensor'
  return reading.channel && reading.channel !== '0' ? `${named} / ${reading.channel}` : named
}

/** One refused reading in a line; opened, all that is known about it and what can be done. */
export function RefusedRow({ reading, chosen, onChoose, onCorrect, onDiscard }: Props) {
  const [open, setOpen] = useState(false)
  const code = codeOf(reading.code)
  const zone = useZone(reading.site)
  return (
    <li className={classes.item}>
      {chosen !== null && (
        <Checkbox
          className={classes.tick}
          aria-label={`Select ${serialOf(reading)}, ${measuredWords(reading.payload)}`}
          checked={chosen}
          onChange={(event) => onChoose(event.currentTarget.checked)}
        />
      )}
      <details open={open} onToggle={(toggled) => setOpen(toggled.currentTarget.open)} className={classes.details}>
        <summary className={classes.row}>
          <span className={classes.what}>
            <strong>{serialOf(reading)}</strong>
            <span className={classes.small}>
              {measuredWords(reading.payload)}
              {reading.recorded_at && ` · recorded ${momentOf(reading.recorded_at, zone)}`}
            </span>
          </span>
          <span className={classes.why}>
            <StatusBadge tone={code.tone} quiet>
              {code.word}
            </StatusBadge>
          </span>
          <span className={classes.when}>
            <Age at={reading.last_received_at} />
            {reading.times > 1 && <span>{reading.times.toLocaleString('en')} times</span>}
          </span>
          <span className={classes.arrow}>
            <IconChevronRight size={18} />
          </span>
        </summary>
        {open && (
          <Details
            reading={reading}
            decides={chosen !== null}
            zone={zone}
            onCorrect={onCorrect}
            onDiscard={onDiscard}
          />
        )}
      </details>
    </li>
  )
}

/** To the second, with the note of a zone that isn't the reader's. */
function wholeMoment(at: string, zone: string | undefined): string {
  const note = zone && zoneNote(zone, Date.parse(at))
  return [dayOf(at, zone), `${clock(at, zone)}${note ? ` ${note}` : ''}`].join(', ')
}

/** With its year where that says something: devices without a clock are in another one. */
function momentOf(at: string, zone: string | undefined): string {
  const sameYear = new Date(at).getFullYear() === new Date().getFullYear()
  return sameYear ? momentAt(at, zone) : dayOf(at, zone)
}

interface DetailsProps {
  reading: RefusedReading
  decides: boolean
  zone: string | undefined
  onCorrect: () => void
  onDiscard: () => void
}

function Details({ reading, decides, zone, onCorrect, onDiscard }: DetailsProps) {
  const { decided_by: by } = reading
  const code = codeOf(reading.code)
  return (
    <div className={classes.opened}>
      <p className={classes.reasonWords}>
        <strong>{reading.detail}</strong> {code.advice}
      </p>
      {reading.code === 'conflict' && reading.sensor && reading.recorded_at && (
        <Compared reading={reading} sensor={reading.sensor} at={reading.recorded_at} />
      )}
      {decides && <Decisions {...{ reading, onCorrect, onDiscard }} />}
      <DataList
        facts={[
          { term: 'Sensor', value: <SensorLink reading={reading} /> },
          {
            term: 'Recorded',
            value: reading.recorded_at ? wholeMoment(reading.recorded_at, zone) : 'unreadable',
          },
          { term: 'Came', value: cameWords(reading) },
          {
            term: 'Through',
            value: [reading.format, reading.key && `key ${reading.key.name}`].filter(Boolean).join(', '),
          },
          reading.state !== 'kept' && {
            term: STATES[reading.state],
            value: `${by ? `by ${by.name || by.email}, ` : ''}${reading.decided_at ? moment(reading.decided_at) : ''}`,
          },
        ]}
      />
      <figure className={classes.payload}>
        <figcaption>As it was sent</figcaption>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it */}
        <pre tabIndex={0}>{payloadText(reading.payload)}</pre>
      </figure>
    </div>
  )
}

function cameWords({ times, first_received_at: first, last_received_at: last }: RefusedReading): string {
  return times > 1 ? `${times.toLocaleString('en')} times, ${moment(first)} to ${moment(last)}` : moment(last)
}

/** Its name, and where to see what it measures. */
function SensorLink({ reading }: { reading: RefusedReading }) {
  const { organization } = useMember()
  const sensor = useQuery({ ...sensorQuery(organization, reading.sensor ?? ''), enabled: reading.sensor !== null }).data
  if (!reading.sensor) return <>No sensor has this serial</>
  if (!sensor?.unit) return <>{sensor ? `${sensor.name || sensor.serial}, unclaimed` : reading.serial}</>
  return (
    <Link to="/o/$org/units/$unit" params={{ org: organization, unit: sensor.unit }} className={classes.link}>
      {sensor.name || sensor.serial}
    </Link>
  )
}

/** What was sent beside what is stored. */
function Compared({ reading, sensor, at }: { reading: RefusedReading; sensor: string; at: string }) {
  const { organization } = useMember()
  const stored = useQuery(storedQuery(organization, sensor, at))
  if (!stored.data) return null
  const sent = fieldsOf(reading.payload)
  const kept: Record<string, unknown> = { ...stored.data }
  const names = [...MEASURES.map(({ name, word }) => [name, word] as const), ['door_open', 'Door'] as const]
  const there = names.filter(([name]) => (sent[name] ?? null) !== null || (kept[name] ?? null) !== null)
  return (
    <table className={classes.compared}>
      <thead>
        <tr>
          <th scope="col">Value</th>
          <th scope="col">Stored</th>
          <th scope="col">Refused</th>
        </tr>
      </thead>
      <tbody>
        {there.map(([name, word]) => (
          <tr key={name} data-differs={(sent[name] ?? null) !== (kept[name] ?? null) || undefined}>
            <th scope="row">{word}</th>
            <td>{valueWords(name, kept[name])}</td>
            <td>{valueWords(name, sent[name])}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** Reasons that a correction seldom cures. */
const HOPELESS: ReadonlySet<string> = new Set(['conflict', 'sensor_fault'])

function Decisions({ reading, onCorrect, onDiscard }: Pick<DetailsProps, 'reading' | 'onCorrect' | 'onDiscard'>) {
  const { organization } = useMember()
  const client = useQueryClient()
  const sending = useMutation({
    mutationFn: () => resubmit(organization, reading.id),
    onSuccess: async () => {
      toast({ tone: 'ok', title: 'The reading was stored', seconds: 4 })
      await client.invalidateQueries({ queryKey: quarantineKey(organization) })
    },
  })
  return (
    <div className={classes.decisions}>
      <div className={classes.buttons}>
        <Button variant={HOPELESS.has(reading.code) ? 'default' : 'filled'} onClick={onCorrect}>
          Correct…
        </Button>
        <Button variant="default" loading={sending.isPending} onClick={() => sending.mutate()}>
          Send in again
        </Button>
        <Button variant="subtle" color="danger" onClick={onDiscard}>
          Discard…
        </Button>
      </div>
      <Refusal error={sending.error} />
    </div>
  )
}
