import { SegmentedControl } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense } from 'react'
import type { Sensor, Unit } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { useNow } from '@/shared/now'
import { type Scale, useScale } from '@/shared/preferences'
import { useZone } from '@/shared/sites'
import { DataList } from '@/shared/ui/DataList'
import { IconChart } from '@/shared/ui/icons'
import { Panel } from '@/shared/ui/Panel'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { moment, temperature, zoneNote } from '@/shared/units'
import type { Limit, Span } from './limits'
import { liveReadingsQuery, pastReadingsQuery, RANGES, type Range, sensorsQuery } from './queries'
import classes from './ReadingsPanel.module.css'
import { type Series, type Summary, summary } from './series'

// The chart's library is only loaded by pages that have a chart.
const TemperatureChart = lazy(async () => ({ default: (await import('./TemperatureChart')).TemperatureChart }))

interface Shown {
  unit: Unit
  limits: Limit[]
  spans: Span[]
}

/** The last hours or days of a unit, growing as readings come. */
export function LiveReadingsPanel({ unit, limits, spans, range, onRange }: Shown & LiveProps) {
  const { organization } = useMember()
  const readings = useQuery(liveReadingsQuery(organization, unit.id, range))
  const to = useNow((now) => Math.ceil(now / 5000) * 5000)
  return (
    <ReadingsPanel
      {...{ unit, limits, spans, to }}
      title="Temperature"
      from={to - RANGES[range].ms}
      words={`Last ${RANGES[range].words}`}
      series={readings.data}
      error={readings.error}
      retry={() => void readings.refetch()}
      actions={
        <SegmentedControl
          size="xs"
          aria-label="Time shown"
          value={range}
          onChange={(value) => onRange(value as Range)}
          data={Object.keys(RANGES).map((value) => ({ value, label: value.replace('h', ' h').replace('d', ' d') }))}
        />
      }
    />
  )
}

interface LiveProps {
  range: Range
  onRange: (range: Range) => void
}

/** A stretch of the past, such as the hours around an alert. */
export function PastReadingsPanel({ unit, limits, spans, from, to }: Shown & { from: number; to: number }) {
  const { organization } = useMember()
  const readings = useQuery(pastReadingsQuery(organization, unit.id, from, to))
  return (
    <ReadingsPanel
      {...{ unit, limits, spans, from, to }}
      title="Temperature then"
      words="Around this alert"
      series={readings.data}
      error={readings.error}
      retry={() => void readings.refetch()}
    />
  )
}

interface PanelProps extends Shown {
  title: string
  words: string
  from: number
  to: number
  series: Series | undefined
  error: Error | null
  retry: () => void
  actions?: React.ReactNode
}

function ReadingsPanel({ unit, limits, spans, title, words, from, to, series, error, retry, actions }: PanelProps) {
  const { organization } = useMember()
  const scale = useScale()
  const sensors = useQuery(sensorsQuery(organization, unit.id)).data
  const zone = useZone(unit.site)
  const facts = series && summary(series)
  const elsewhere = zone && zoneNote(zone, to)
  const note = [
    series && series.resolution !== 'raw' && 'lowest to highest by hour',
    elsewhere && `times in ${elsewhere}`,
  ]
  return (
    <Panel title={title} note={note.filter(Boolean).join(' · ')} actions={actions}>
      <div className={classes.chart}>
        {error && !series && <Trouble error={error} retry={retry} />}
        {!error && !series && <Loading rows={7} />}
        {series && !facts && (
          <Empty icon={<IconChart />} title="No readings in this time">
            As soon as a sensor of this unit reports, its line grows here.
          </Empty>
        )}
        {series && facts && (
          <Suspense fallback={<Loading rows={7} />}>
            <TemperatureChart
              {...{ series, from, to, limits, spans, zone }}
              gap={longestSilence(sensors)}
              names={probeNames(sensors)}
              description={description(words, facts, scale, zone)}
            />
          </Suspense>
        )}
      </div>
      {facts && <SummaryFacts facts={facts} zone={zone} />}
    </Panel>
  )
}

function SummaryFacts({ facts, zone }: { facts: Summary; zone: string | undefined }) {
  const scale = useScale()
  const extreme = ({ celsius, at }: { celsius: number; at: number }) => (
    <>
      {temperature(celsius, scale)} <span className={classes.when}>{moment(at, zone)}</span>
    </>
  )
  return (
    <DataList
      facts={[
        { term: 'Lowest', value: extreme(facts.lowest) },
        { term: 'Highest', value: extreme(facts.highest) },
        facts.average !== null && { term: 'Average', value: temperature(facts.average, scale) },
      ]}
    />
  )
}

/** A probe that was silent for longer has a gap in its line, by the same measure as the alerts' timers. */
function longestSilence(sensors: Sensor[] | undefined): number {
  const interval = Math.max(0, ...(sensors ?? []).map((sensor) => sensor.expected_interval_s ?? 300))
  return Math.max(15 * 60, 3 * interval) * 1000
}

function probeNames(sensors: Sensor[] | undefined): Record<string, string> {
  return Object.fromEntries((sensors ?? []).map((sensor) => [sensor.id, sensor.name || sensor.serial]))
}

function description(words: string, facts: Summary, scale: Scale, zone: string | undefined): string {
  const { lowest, highest } = facts
  return (
    `Temperature, ${words.toLowerCase()}: lowest ${temperature(lowest.celsius, scale)} at ${moment(lowest.at, zone)}, ` +
    `highest ${temperature(highest.celsius, scale)} at ${moment(highest.at, zone)}.`
  )
}
