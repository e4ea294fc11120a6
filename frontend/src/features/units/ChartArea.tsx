import { useElementSize } from '@mantine/hooks'
import { lazy, Suspense, useId, useMemo, useState } from 'react'
import { type Scale, useScale } from '@/shared/preferences'
import { IconChart } from '@/shared/ui/icons'
import { Empty, Loading } from '@/shared/ui/states'
import { AlertMarks } from './AlertMarks'
import classes from './ChartArea.module.css'
import { briefly, pointMoment } from './chartWords'
import { LineSample } from './LineSample'
import type { Limit, Span } from './limits'
import type { Grain, Stretch } from './range'
import { doorSpans, type Measure, type Series, type Summary, summary } from './series'
import type { Named } from './TimeChart'

/** The chart's library is only loaded by pages that have a chart, and by these while their readings are on their way. */
export const loadChart = () => import('./TimeChart')
const TimeChart = lazy(async () => ({ default: (await loadChart()).TimeChart }))

const NO_LIMITS: Limit[] = []
/** Pixels beside the plot: chartOptions' PLOT_LEFT and PLOT_RIGHT, without its library. */
const BESIDE = 66

interface Props {
  series: Series
  stretch: Stretch
  gap: number
  names: (line: string) => Named
  limits: Limit[]
  spans: Span[]
  zone: string | undefined
  /** What is shown: "Last 7 days". */
  words: string
  /** Something finer or further is on its way; what is shown stays. */
  isBusy: boolean
  onShow: (stretch: Stretch) => void
  onSettle: () => void
  onReset: () => void
  onStretch: (stretch: Stretch) => void
}

/** Temperature, humidity where it is measured, the alerts above them and whose lines they are below. */
export function ChartArea(props: Props) {
  const { series, stretch, gap, names, limits, spans, zone, words, isBusy } = props
  const { grain } = series
  const scale = useScale()
  const together = useId()
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set())
  const { ref, width } = useElementSize()
  const seen = useMemo(() => without(series, hidden), [series, hidden])
  const doors = useMemo(() => doorSpans(seen.doors, gap), [seen, gap])
  const facts = summary(series.temperature, grain, stretch)
  const humid = summary(series.humidity, grain, stretch)
  const { onShow, onSettle, onReset, onStretch } = props
  const common = { stretch, gap, names, zone, together, doors, spans, grain, onShow, onSettle, onReset }
  const loading = (
    <div className={classes.empty}>
      <Loading rows={7} />
    </div>
  )
  return (
    <div className={classes.area} ref={ref} aria-busy={isBusy}>
      <div className={classes.busy} data-on={isBusy || undefined} aria-hidden="true" />
      <Suspense fallback={loading}>
        <AlertMarks {...{ spans, stretch, zone, onStretch }} width={width - BESIDE} />
        <TimeChart
          {...common}
          measure="temperature"
          lines={seen.temperature}
          limits={limits}
          description={description('temperature', words, facts, { grain, scale, zone })}
        />
        {Object.keys(series.humidity).length > 0 && (
          <>
            <h3 className={classes.humidity}>Relative humidity</h3>
            <TimeChart
              {...common}
              measure="humidity"
              lines={seen.humidity}
              limits={NO_LIMITS}
              description={description('humidity', words, humid, { grain, scale, zone })}
            />
          </>
        )}
      </Suspense>
      {/* The chart stays under it: somebody may be moving it, and it shows where there are limits and alerts. */}
      {!facts && !humid && !isBusy && (
        <div className={classes.none}>
          <Empty icon={<IconChart />} title="No readings in this time">
            {stretch.to >= Date.now() - 60_000
              ? 'As soon as a sensor of this unit reports, its line grows here.'
              : 'There may be some earlier or later.'}
          </Empty>
        </div>
      )}
      <Legend {...{ names, hidden }} lines={linesIn(series)} hasDoors={doors.length > 0} onHidden={setHidden} />
    </div>
  )
}

interface Manner {
  grain: Grain
  scale: Scale
  zone: string | undefined
}

/** The chart for those who can't see it. */
function description(measure: Measure, words: string, facts: Summary | null, { grain, scale, zone }: Manner) {
  const what = measure === 'temperature' ? 'Temperature' : 'Relative humidity'
  const start = `${what}, ${words.charAt(0).toLowerCase()}${words.slice(1)}`
  if (!facts) return `${start}: nothing was measured.`
  const told = ({ value, at }: Summary['lowest']) =>
    `${briefly(value, measure, scale)} at ${pointMoment(at, grain, zone)}`
  return `${start}: lowest ${told(facts.lowest)}, highest ${told(facts.highest)}.`
}

const linesIn = (series: Series): string[] => [
  ...new Set([...Object.keys(series.temperature), ...Object.keys(series.humidity)]),
]

function without(series: Series, hidden: ReadonlySet<string>): Series {
  if (hidden.size === 0) return series
  const left = <T,>(lines: Record<string, T>): Record<string, T> =>
    Object.fromEntries(Object.entries(lines).filter(([line]) => !hidden.has(line)))
  return {
    ...series,
    temperature: left(series.temperature),
    humidity: left(series.humidity),
    doors: left(series.doors),
  }
}

interface LegendProps {
  lines: string[]
  names: (line: string) => Named
  hidden: ReadonlySet<string>
  hasDoors: boolean
  onHidden: (hidden: ReadonlySet<string>) => void
}

/** Whose lines these are; each can be put away. */
function Legend({ lines, names, hidden, hasDoors, onHidden }: LegendProps) {
  if (lines.length < 2 && !hasDoors) return null
  const toggle = (line: string) => {
    const after = new Set(hidden)
    if (!after.delete(line)) after.add(line)
    onHidden(after)
  }
  return (
    <ul className={classes.legend} aria-label="Lines of the chart">
      {lines.length > 1 &&
        [...lines]
          .sort((a, b) => names(a).place - names(b).place)
          .map((line) => (
            <li key={line}>
              <button
                type="button"
                className={classes.probe}
                aria-pressed={!hidden.has(line)}
                onClick={() => toggle(line)}
              >
                <LineSample place={names(line).place} />
                {names(line).name}
              </button>
            </li>
          ))}
      {hasDoors && (
        <li className={classes.key}>
          <span className={classes.door} aria-hidden="true" />
          Door open
        </li>
      )}
    </ul>
  )
}
