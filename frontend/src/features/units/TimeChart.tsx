import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useMemo, useRef, useState } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useScale } from '@/shared/preferences'
import { inScale } from '@/shared/units'
import { chartOptions } from './chartOptions'
import { exactly, pointMoment } from './chartWords'
import { attachGestures } from './gestures'
import { LineSample } from './LineSample'
import type { Limit, Span } from './limits'
import { type Grain, moved, type Stretch, zoomed } from './range'
import { breakAfter, type Lines, type Measure, nearest, type Table, table } from './series'
import classes from './TimeChart.module.css'

export interface Named {
  name: string
  /** Its place among the unit's sensors, which gives it its colour. */
  place: number
}

interface Props {
  measure: Measure
  lines: Lines
  grain: Grain
  names: (line: string) => Named
  stretch: Stretch
  /** A silence that breaks the line, in milliseconds. */
  gap: number
  limits: Limit[]
  spans: Span[]
  doors: Stretch[]
  defrosts: Stretch[]
  zone: string | undefined
  /** The chart in words, for those who can't see it. */
  description: string
  /** Charts with the same key show the same moment under the pointer. */
  together: string
  /** While somebody zooms or moves. */
  onShow: (stretch: Stretch) => void
  /** When they have done so. */
  onSettle: () => void
  onReset: () => void
}

interface Place {
  index: number
  left: number
  /** Its value lies in the upper half of the plot. */
  isHigh: boolean
}

/** What a unit measured over time: a line a sensor, or lowest to highest around the average. */
export function TimeChart(props: Props) {
  const { measure, lines, grain, names, stretch, gap, limits, spans, doors, defrosts } = props
  const { zone, description, together } = props
  const scale = useScale()
  const scheme = useComputedColorScheme('light')
  const figure = useRef<HTMLDivElement>(null)
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const [place, setPlace] = useState<Place | null>(null)
  const [said, setSaid] = useState('')
  const convert = useMemo(
    () => (value: number) => (measure === 'temperature' ? inScale(value, scale) : value),
    [measure, scale],
  )
  const banded = grain.resolution !== 'raw'
  const shown = useMemo(() => table(lines, { grain, gap, convert, now: Date.now() }), [lines, grain, gap, convert])
  const data = useMemo(() => {
    const columns = shown.columns.flatMap((c) => (banded ? [c.high, c.low, c.mid] : [c.mid]))
    return [shown.times, ...columns] as uPlot.AlignedData
  }, [shown, banded])
  const places = shown.columns.map(({ line }) => names(line).place).join()

  // What the drawing hooks and the gestures read; a new span must not build a new chart.
  const drawn = useRef({ limits, spans, doors, defrosts, convert, now: stretch.to })
  drawn.current = { limits, spans, doors, defrosts, convert, now: Date.now() }
  const latest = useRef(props)
  latest.current = props

  // biome-ignore lint/correctness/useExhaustiveDependencies: scheme changes the colours that chartOptions reads
  useEffect(() => {
    const element = box.current
    if (!element || !figure.current) return
    const options = chartOptions({
      width: element.clientWidth,
      height: element.clientHeight,
      measure,
      lines: places === '' ? [] : places.split(',').map(Number),
      banded,
      zone,
      drawn,
      together,
      onCursor: (index, left) =>
        setPlace(index === null ? null : { index, left, isHigh: isHighAt(plot.current, index) }),
      onSelect: (from, to) => {
        const middle = (from + to) / 2
        latest.current.onShow(zoomed({ from, to }, 1, middle, Date.now()))
        latest.current.onSettle()
      },
    })
    const chart = new uPlot(options, [[]], element)
    plot.current = chart
    const letGo = attachGestures(chart, figure.current, {
      shown: () => latest.current.stretch,
      onShow: (wanted) => latest.current.onShow(wanted),
      onSettle: () => latest.current.onSettle(),
    })
    const resize = new ResizeObserver(() => {
      chart.setSize({ width: element.clientWidth, height: element.clientHeight })
    })
    resize.observe(element)
    return () => {
      letGo()
      resize.disconnect()
      chart.destroy()
      plot.current = null
      setPlace(null)
    }
  }, [places, banded, measure, zone, scheme, together])

  // biome-ignore lint/correctness/useExhaustiveDependencies: a rebuilt chart needs its data again, a new span a new drawing
  useEffect(() => {
    plot.current?.batch(() => {
      plot.current?.setData(data, false)
      plot.current?.setScale('x', { min: stretch.from / 1000, max: stretch.to / 1000 })
    })
  }, [data, stretch.from, stretch.to, limits, spans, doors, defrosts, places, banded, measure, zone, scheme, together])

  const reading = place && readingAt(shown, place.index, { ...props, scale })
  const keys = useKeys({ plot, shown, latest, place, say: (index) => setSaid(wordsAt(shown, index, props, scale)) })

  return (
    // biome-ignore lint/a11y/useSemanticElements: no element is a chart that keys move
    <div
      ref={figure}
      className={classes.figure}
      role="group"
      aria-label={`${measure === 'temperature' ? 'Temperature' : 'Humidity'} chart. Arrow keys read values, plus and minus zoom, Shift with arrow keys moves, 0 resets.`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: its keys zoom and move, as told in its name
      tabIndex={0}
      onKeyDown={keys}
      onDoubleClick={props.onReset}
    >
      <div ref={box} className={classes.chart} data-measure={measure} role="img" aria-label={description} />
      {reading && <Tooltip {...reading} {...place} width={plot.current?.over.clientWidth ?? 0} />}
      <div className="visually-hidden" aria-live="polite">
        {said}
      </div>
    </div>
  )
}

interface Told {
  moment: string
  values: { name: string; place: number; words: string; beside?: string }[]
}

/** What was measured at a place of the chart; nothing in a gap. */
function readingAt(
  shown: Table,
  index: number,
  {
    measure,
    grain,
    names,
    zone,
    gap,
    scale,
  }: Pick<Props, 'measure' | 'grain' | 'names' | 'zone' | 'gap'> & { scale: 'C' | 'F' },
): Told | null {
  const at = shown.starts[index]
  if (at === undefined) return null
  const reach = breakAfter(grain, gap) / 2000
  // The columns are in the reader's scale already.
  const words = (value: number) =>
    exactly(scale === 'F' && measure === 'temperature' ? (value - 32) / 1.8 : value, measure, scale)
  const values = shown.columns.flatMap((column) => {
    const { name, place } = names(column.line)
    if (grain.resolution === 'raw') {
      const value = nearest(column.mid, shown.times, index, reach)
      return value === null ? [] : [{ name, place, words: words(value) }]
    }
    const [low, mid, high] = [column.low[index], column.mid[index], column.high[index]]
    if (typeof low !== 'number' || typeof mid !== 'number' || typeof high !== 'number') return []
    return [{ name, place, words: `${words(low)} to ${words(high)}`, beside: `average ${words(mid)}` }]
  })
  return values.length > 0 ? { moment: pointMoment(at, grain, zone), values } : null
}

function wordsAt(shown: Table, index: number, props: Props, scale: 'C' | 'F'): string {
  const told = readingAt(shown, index, { ...props, scale })
  if (!told) return 'No data.'
  const many = told.values.length > 1
  const values = told.values.map(({ name, words, beside }) =>
    [many && name, beside ? `${words}, ${beside}` : words].filter(Boolean).join(' '),
  )
  return `${told.moment}: ${values.join('; ')}`
}

/** Whether words at the top would lie on what they are about. */
function isHighAt(chart: uPlot | null, index: number): boolean {
  if (!chart) return false
  const values = chart.data.slice(1).flatMap((column) => column[index] ?? [])
  return values.length > 0 && chart.valToPos(Math.max(...values), 'y') < chart.over.clientHeight / 2
}

function Tooltip({ moment, values, left, width, isHigh }: Told & Place & { width: number }) {
  const isRight = left > width / 2
  return (
    <div
      className={classes.tooltip}
      data-side={isRight ? 'left' : 'right'}
      data-low={isHigh || undefined}
      style={{ '--at': `${left}px` } as React.CSSProperties}
      aria-hidden="true"
    >
      <div className={classes.moment}>{moment}</div>
      {values.map(({ name, place, words, beside }) => (
        <div key={name + place} className={classes.value}>
          {values.length > 1 && <LineSample place={place} />}
          {values.length > 1 && <span className={classes.whose}>{name}</span>}
          <strong>{words}</strong>
          {beside && <span className={classes.beside}>{beside}</span>}
        </div>
      ))}
    </div>
  )
}

const KEYS_REST = 500

interface KeyTools {
  plot: React.RefObject<uPlot | null>
  shown: Table
  latest: React.RefObject<Props>
  place: Place | null
  say: (index: number) => void
}

/** Arrow keys read point by point, with Shift they move; plus and minus zoom around what is read; 0 resets. */
function useKeys({ plot, shown, latest, place, say }: KeyTools) {
  const rest = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(rest.current), [])
  const show = (stretch: Stretch) => {
    latest.current.onShow(stretch)
    clearTimeout(rest.current)
    rest.current = setTimeout(() => latest.current.onSettle(), KEYS_REST)
  }
  const read = (step: number | 'first' | 'last') => {
    const chart = plot.current
    const { stretch } = latest.current
    if (!chart) return
    const inSight = (index: number) => {
      const at = (shown.times[index] ?? Number.NaN) * 1000
      const isPoint = shown.columns.some((column) => typeof column.mid[index] === 'number')
      return isPoint && at >= stretch.from && at <= stretch.to
    }
    const seen = shown.times.flatMap((_, index) => (inSight(index) ? [index] : []))
    const here = place ? seen.indexOf(place.index) : -1
    const wanted =
      step === 'first'
        ? 0
        : step === 'last' || here === -1
          ? seen.length - 1
          : Math.min(Math.max(here + step, 0), seen.length - 1)
    const index = seen[wanted]
    if (index === undefined) return
    chart.setCursor({ left: chart.valToPos(shown.times[index] ?? 0, 'x'), top: 1 })
    say(index)
  }
  return (event: React.KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== event.currentTarget) return
    const { stretch, onReset } = latest.current
    const around = place ? (shown.times[place.index] ?? 0) * 1000 : (stretch.from + stretch.to) / 2
    const moves: Record<string, () => void> = {
      ArrowLeft: () => (event.shiftKey ? show(moved(stretch, -0.2, Date.now())) : read(-1)),
      ArrowRight: () => (event.shiftKey ? show(moved(stretch, 0.2, Date.now())) : read(1)),
      PageUp: () => show(moved(stretch, -0.8, Date.now())),
      PageDown: () => show(moved(stretch, 0.8, Date.now())),
      Home: () => read('first'),
      End: () => read('last'),
      '+': () => show(zoomed(stretch, 0.5, around, Date.now())),
      '=': () => show(zoomed(stretch, 0.5, around, Date.now())),
      '-': () => show(zoomed(stretch, 2, around, Date.now())),
      '0': onReset,
      Escape: () => plot.current?.setCursor({ left: -10, top: -10 }),
    }
    const move = moves[event.key]
    if (!move) return
    event.preventDefault()
    move()
  }
}
