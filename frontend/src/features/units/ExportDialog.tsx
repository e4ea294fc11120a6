import { NativeSelect, Radio } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { Problem } from '@/shared/api/client'
import type { Unit } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { Dialog, Refusal, Words } from '@/shared/ui/Dialog'
import { StatusMark } from '@/shared/ui/StatusBadge'
import { momentOfText, wallText } from '@/shared/zone'
import { amount, sizeWords } from './chartWords'
import classes from './ExportDialog.module.css'
import { expectedBytes, expectedRows, FORMATS, type Format, fileName, readingsAddress, type Wanted } from './exporting'
import { earliestQuery, probesQuery } from './queries'
import { StretchFields, wrongWith } from './RangeControls'
import { PRESET_NAMES, type Preset, presetWords, type Resolution, type Stretch, stretchOf } from './range'
import { BrokenOff, handOver, type Progress, save, type Way, wayFor } from './saving'
import { onGrid, statisticsQuery } from './statistics'

interface Props {
  unit: Unit
  /** What the chart shows. */
  stretch: Stretch
  zone: string | undefined
  onClose: () => void
}

type Time = 'shown' | 'own' | Preset

type Stage =
  | { at: 'asking'; error: Error | null; cancelled: boolean }
  | { at: 'running'; progress: Progress | null }
  | { at: 'done'; progress: Progress | null; name: string }

const RESOLUTIONS: Record<Resolution, string> = {
  raw: 'Every reading',
  hour: 'By hour: lowest, average, highest',
  day: 'By day: lowest, average, highest',
}

/** Readings of a unit as a file: which, how fine, how big, and how far it is. */
export function ExportDialog({ unit, stretch: shown, zone, onClose }: Props) {
  const { organization } = useMember()
  const [at] = useState(Date.now)
  const [time, setTime] = useState<Time>('shown')
  const [from, setFrom] = useState(wallText(shown.from, zone))
  const [to, setTo] = useState(wallText(shown.to, zone))
  const [initially] = useState(shown)
  const [resolution, setResolution] = useState<Resolution>('raw')
  const [format, setFormat] = useState<Format>('csv')
  const [stage, setStage] = useState<Stage>({ at: 'asking', error: null, cancelled: false })
  const running = useRef<AbortController | null>(null)
  useEffect(() => () => running.current?.abort(), [])

  const first = useQuery({ ...earliestQuery(organization, unit.id), enabled: time === 'all' })
  const earliest = first.data ?? undefined
  // Until it is known where everything begins, a file of everything can't be.
  const isUnknown = time === 'all' && first.data === undefined
  const wrong = time === 'own' ? wrongWith(from, to, zone) : null
  const stretch = wrong ? initially : stretchFor(time, { from, to }, { initially, earliest, zone, at })
  const wanted: Wanted = { ...stretch, resolution, format }
  const size = useSize(unit, wanted)
  const way = wayFor(size.bytes)
  const name = fileName(unit.name, wanted, zone)

  const start = async () => {
    if (way === 'browser') {
      handOver(readingsAddress(organization, unit.id, wanted), name)
      return setStage({ at: 'done', progress: null, name })
    }
    const controller = new AbortController()
    running.current = controller
    setStage({ at: 'running', progress: null })
    const onProgress = throttled((progress: Progress) => {
      if (running.current === controller && !controller.signal.aborted) setStage({ at: 'running', progress })
    })
    try {
      const progress = await save({
        organization,
        unit: unit.id,
        wanted,
        name,
        way,
        signal: controller.signal,
        onProgress,
      })
      setStage({ at: 'done', progress, name })
    } catch (error) {
      setStage({ at: 'asking', ...inWords(error) })
    } finally {
      running.current = null
    }
  }

  const close = () => {
    if (running.current) running.current.abort()
    else onClose()
  }
  const isAsking = stage.at === 'asking'
  return (
    <Dialog
      title={`Export readings of ${unit.name}`}
      opened
      onClose={close}
      onSubmit={() => void start()}
      submit={isAsking ? 'Download' : undefined}
      cancel={stage.at === 'done' ? 'Close' : stage.at === 'running' ? 'Cancel download' : 'Cancel'}
      pending={false}
      disabled={Boolean(wrong) || isUnknown}
    >
      {isAsking && (
        <>
          <NativeSelect
            label="Time"
            size="md"
            value={time}
            onChange={(event) => setTime(event.currentTarget.value as Time)}
            data={[
              { value: 'shown', label: 'As shown in the chart' },
              ...PRESET_NAMES.map((value) => ({ value, label: presetWords(value) })),
              { value: 'own', label: 'Choose…' },
            ]}
          />
          {time === 'own' && <StretchFields {...{ from, to, zone, wrong }} onFrom={setFrom} onTo={setTo} />}
          <Choice label="Rows" value={resolution} of={RESOLUTIONS} onChange={setResolution} />
          <Choice
            label="Format"
            value={format}
            of={{ csv: FORMATS.csv.label, parquet: FORMATS.parquet.label }}
            onChange={setFormat}
          />
          <Words>{sizeLine(size, way)}</Words>
          {stage.cancelled && <Words>Cancelled: nothing was saved.</Words>}
          <Refusal error={stage.error} />
        </>
      )}
      {stage.at === 'running' && <Running progress={stage.progress} />}
      {stage.at === 'done' && <Done {...stage} />}
    </Dialog>
  )
}

interface ChoiceProps<T extends string> {
  label: string
  value: T
  of: Record<T, string>
  onChange: (value: T) => void
}

function Choice<T extends string>({ label, value, of, onChange }: ChoiceProps<T>) {
  return (
    <Radio.Group label={label} size="md" value={value} onChange={(chosen) => onChange(chosen as T)}>
      <div className={classes.choices}>
        {Object.entries<string>(of).map(([each, words]) => (
          <Radio key={each} size="sm" value={each} label={words} />
        ))}
      </div>
    </Radio.Group>
  )
}

function Running({ progress }: { progress: Progress | null }) {
  const share = shareOf(progress)
  const words = runningWords(progress)
  return (
    <div className={classes.running}>
      <div
        className={classes.bar}
        role="progressbar"
        aria-label="Download"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={share === null ? undefined : Math.round(share)}
        aria-valuetext={words}
        data-unknown={share === null || undefined}
        style={{ '--share': `${share ?? 30}%` } as React.CSSProperties}
      />
      <p className={classes.figures}>{words}</p>
    </div>
  )
}

function Done({ progress, name }: { progress: Progress | null; name: string }) {
  const rows = progress?.rows
  const what = [rows != null && `${amount(rows)} rows`, progress && sizeWords(progress.bytes)]
    .filter(Boolean)
    .join(', ')
  return (
    <p className={classes.done} role="status" data-tone="ok">
      <StatusMark tone="ok" />
      <span>
        {progress
          ? `Saved as ${name}: ${what}.`
          : `Your browser downloads ${name} now. Its list of downloads shows how far it is, and whether all of it came.`}
      </span>
    </p>
  )
}

interface Size {
  rows: number
  bytes: number
  isCounted: boolean
}

/** How much a file will hold: readings as the server counts them, else as the sensors should send them. */
function useSize(unit: Unit, wanted: Wanted): Size {
  const { organization } = useMember()
  const all = useQuery(probesQuery(organization, unit.id)).data ?? []
  const probes = all.filter((probe) => probe.last_reading_at !== null)
  const statistics = useQuery(statisticsQuery(organization, unit.id, onGrid(wanted), {}))
  const count = statistics.isPlaceholderData ? null : (statistics.data?.count ?? null)
  const rows = expectedRows(wanted, { count, intervals: probes.map((probe) => probe.expected_interval_s ?? 300) })
  return { rows, bytes: expectedBytes(rows, wanted.resolution, wanted.format), isCounted: count !== null }
}

function sizeLine({ rows, bytes, isCounted }: Size, way: Way): string {
  if (rows === 0) return 'There are no readings in this time: the file will have its header only.'
  const how = {
    disk: 'You are asked where to save it, and each part is written there as it comes.',
    memory: 'This browser collects the file in memory and saves it when all of it has come.',
    browser:
      'That is too much to collect in memory: your browser downloads it by itself, and shows the progress there.',
  }[way]
  return `About ${amount(rows)} rows${isCounted ? '' : ' if every sensor reported on time'}, roughly ${sizeWords(bytes)}. ${how}`
}

function stretchFor(
  time: Time,
  own: { from: string; to: string },
  known: { initially: Stretch; earliest: number | undefined; zone: string | undefined; at: number },
): Stretch {
  if (time === 'shown') return known.initially
  if (time === 'own') return { from: momentOfText(own.from, known.zone), to: momentOfText(own.to, known.zone) }
  return stretchOf({ preset: time }, known.at, known.earliest)
}

function shareOf(progress: Progress | null): number | null {
  if (!progress?.total || progress.rows === null) return null
  // An estimate may be too low: it isn't done before it is.
  return Math.min(100 * (progress.rows / progress.total), progress.isExact ? 100 : 99)
}

function runningWords(progress: Progress | null): string {
  if (!progress) return 'Waiting for the first rows…'
  const { rows, total, isExact, bytes } = progress
  const of = total === null ? '' : ` of ${isExact ? '' : 'about '}${amount(total)}`
  return `${rows === null ? '' : `${amount(rows)}${of} rows, `}${sizeWords(bytes)}`
}

function inWords(error: unknown): { error: Error | null; cancelled: boolean } {
  if (error instanceof DOMException && error.name === 'AbortError') return { error: null, cancelled: true }
  if (error instanceof Problem) return { error, cancelled: false }
  if (error instanceof BrokenOff) return { error: new Problem(0, 'broken_off', error.message), cancelled: false }
  const words =
    error instanceof DOMException && error.name === 'QuotaExceededError'
      ? 'There is no room left on this device.'
      : "The file couldn't be written. Choose another place and try again."
  return { error: new Problem(0, 'not_written', words), cancelled: false }
}

/** At most some ten times a second, the last one always: a part comes every few milliseconds. */
function throttled<T>(tell: (value: T) => void): (value: T) => void {
  let latest: T
  let waits = false
  return (value) => {
    latest = value
    if (waits) return
    waits = true
    setTimeout(() => {
      waits = false
      tell(latest)
    }, 100)
  }
}
