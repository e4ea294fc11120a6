import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useMemo, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useScale } from '@/shared/preferences'
import { inScale, moment } from '@/shared/units'
import { chartOptions, lineColor } from './chartOptions'
import type { Limit, Span } from './limits'
import { type Series, table } from './series'
import classes from './TemperatureChart.module.css'

interface Props {
  series: Series
  /** Milliseconds. */
  from: number
  to: number
  /** A silence that breaks the line, in milliseconds. */
  gap: number
  limits: Limit[]
  spans: Span[]
  zone: string | undefined
  /** Names of the probes by sensor id. */
  names: Record<string, string>
  /** The chart in words, for those who can't see it. */
  description: string
}

/** A unit's temperature over time: a line a probe, or lowest to highest around the average. */
export function TemperatureChart({ series, from, to, gap, limits, spans, zone, names, description }: Props) {
  const scale = useScale()
  const scheme = useComputedColorScheme('light')
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const readout = useRef<HTMLDivElement>(null)
  const convert = useMemo(() => (celsius: number) => inScale(celsius, scale), [scale])
  const { times, columns } = useMemo(() => table(series, gap, convert), [series, gap, convert])
  const data = useMemo(() => {
    const shown =
      series.resolution === 'raw' ? columns.map((c) => c.mid) : columns.flatMap((c) => [c.high, c.low, c.mid])
    return [times, ...shown] as uPlot.AlignedData
  }, [times, columns, series.resolution])
  const lines = columns.map((column) => column.line).join()

  // What the drawing hooks read; a new span must not build a new chart.
  const drawn = useRef({ limits, spans, convert, to })
  drawn.current = { limits, spans, convert, to }

  // biome-ignore lint/correctness/useExhaustiveDependencies: scheme changes the colours that chartOptions reads
  useEffect(() => {
    const element = box.current
    if (!element) return
    const options = chartOptions({
      width: element.clientWidth,
      height: element.clientHeight,
      lines: lines === '' && series.resolution === 'raw' ? [] : lines.split(','),
      banded: series.resolution !== 'raw',
      scale,
      zone,
      drawn,
      onCursor: (at, values) => {
        if (!readout.current) return
        readout.current.textContent = at === null ? '' : `${moment(at, zone)}   ${values.join('  ·  ')}`
      },
    })
    const chart = new uPlot(options, [[]], element)
    plot.current = chart
    const resize = new ResizeObserver(() => {
      chart.setSize({ width: element.clientWidth, height: element.clientHeight })
    })
    resize.observe(element)
    return () => {
      resize.disconnect()
      chart.destroy()
      plot.current = null
    }
  }, [lines, series.resolution, scale, zone, scheme])

  // biome-ignore lint/correctness/useExhaustiveDependencies: a rebuilt chart needs its data again, a new span a new drawing
  useEffect(() => {
    plot.current?.batch(() => {
      plot.current?.setData(data, false)
      plot.current?.setScale('x', { min: from / 1000, max: to / 1000 })
    })
  }, [data, from, to, limits, spans, lines, series.resolution, scale, zone, scheme])

  return (
    <figure className={classes.figure}>
      <div ref={readout} className={classes.readout} aria-hidden="true" />
      <div ref={box} className={classes.chart} role="img" aria-label={description} />
      {columns.length > 1 && (
        <figcaption className={classes.legend}>
          {columns.map(({ line }, index) => (
            <span key={line} className={classes.probe}>
              <svg width="22" height="8" aria-hidden="true">
                <path
                  d="M1 4h20"
                  stroke={lineColor(index)}
                  strokeWidth="2.5"
                  strokeDasharray={index ? '5 3' : undefined}
                />
              </svg>
              {names[line] ?? 'Probe'}
            </span>
          ))}
        </figcaption>
      )}
    </figure>
  )
}
