import { useElementSize } from '@mantine/hooks'
import { lazy, Suspense, useId, useMemo, useState } from 'react'
import type { UnitLabel } from '@/shared/api/types'
import { type Scale, useScale } from '@/shared/preferences'
import { IconChart } from '@/shared/ui/icons'
import { Empty, Loading } from '@/shared/ui/states'
import { AlertMarks } from './AlertMarks'
import classes from './ChartArea.module.css'
import { briefly, pointMoment } from './chartWords'
import { LineSample } from './LineSample'
import { airLine, isProduct as isOfProduct, stretchesOf } from './labels'
import type { Limit, Span } from './limits'
import type { Grain, Stretch } from './range'
import { doorSpans, type Lines, type Measure, type Series, type Summary, summary } from './series'
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
  /** Defrosts and open doors. */
  labels: UnitLabel[]
  /** How warm the product was by estimate, where that is shown. */
  estimate: Lines
  isProduct: boolean
  onProduct: (isProduct: boolean) => void
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
  const { series, stretch, gap, spans, labels, estimate, isProduct, zone, words, isBusy } = props
  const { grain } = series
  const scale = useScale()
  const together = useId()
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set())
  const { ref, width } = useElementSize()
  const seen = useMemo(() => without(series, hidden), [series, hidden])
  const doors = useMemo(
    () => [...doorSpans(seen.doors, gap), ...stretchesOf(labels, 'door_open', hidden)],
    [seen, gap, labels, hidden],
  )
  const defrosts = useMemo(() => stretchesOf(labels, 'defrost', hidden), [labels, hidden])
  const lines = useMemo(() => {
    const shown = Object.entries(estimate).filter(([line]) => !hidden.has(airLine(line)))
    return { ...seen.temperature, ...Object.fromEntries(shown) }
  }, [seen, estimate, hidden])
  const names = useNames(props.names, Object.keys(series.temperature).length)
  const limits = useMemo(
    () => props.limits.filter((limit) => limit.of === 'air' || isProduct),
    [props.limits, isProduct],
  )
  const facts = summary(series.temperature, grain, stretch)
  const humid = summary(series.humidity, grain, stretch)
  const { onShow, onSettle, onReset, onStretch } = props
  const common = { stretch, gap, names, zone, together, doors, defrosts, spans, grain, onShow, onSettle, onReset }
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
          lines={lines}
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
      <Legend
        {...{ names, hidden, isProduct }}
        lines={linesIn(series)}
        hasDoors={doors.some(overlaps(stretch))}
        hasDefrosts={defrosts.some(overlaps(stretch))}
        hasTemperature={Object.keys(series.temperature).length > 0}
        onHidden={setHidden}
        onProduct={props.onProduct}
      />
    </div>
  )
}

const overlaps = (stretch: Stretch) => (each: Stretch) => each.from < stretch.to && each.to > stretch.from

/** The product's line looks like no sensor's: its colour and dash are three places further. */
const PRODUCT_PLACE = 3

function useNames(names: (line: string) => Named, count: number): (line: string) => Named {
  return useMemo(
    () => (line: string) => {
      if (!isOfProduct(line)) return names(line)
      const air = names(airLine(line))
      return { name: count > 1 ? `${air.name}, product` : 'Product (estimate)', place: air.place + PRODUCT_PLACE }
    },
    [names, count],
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
  hasDefrosts: boolean
  hasTemperature: boolean
  isProduct: boolean
  onHidden: (hidden: ReadonlySet<string>) => void
  onProduct: (isProduct: boolean) => void
}

/** Whose lines these are; each can be put away, and the product's can be added. */
function Legend(props: LegendProps) {
  const { lines, names, hidden, hasDoors, hasDefrosts, hasTemperature, isProduct, onHidden, onProduct } = props
  if (lines.length < 2 && !hasDoors && !hasDefrosts && !hasTemperature) return null
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
      {hasTemperature && (
        <li>
          <button
            type="button"
            className={classes.probe}
            data-adds
            aria-pressed={isProduct}
            title="How warm the food itself was, estimated from the air around it"
            onClick={() => onProduct(!isProduct)}
          >
            <LineSample place={PRODUCT_PLACE} />
            Product (estimate)
          </button>
        </li>
      )}
      {hasDoors && (
        <li className={classes.key}>
          <span className={classes.door} aria-hidden="true" />
          Door open
        </li>
      )}
      {hasDefrosts && (
        <li className={classes.key}>
          <span className={classes.defrost} aria-hidden="true" />
          Defrost
        </li>
      )}
    </ul>
  )
}
