/** How uPlot draws what a unit measured: axes in the site's time, limits as lines, alerts as shaded stretches. */

import type uPlot from 'uplot'
import { token } from '@/shared/ui/theme'
import { LOCALE } from '@/shared/units'
import { ticksOf } from '@/shared/zone'
import { type Drawn, drawDefrosts, drawDoors, drawLimits, drawSpans, valueRange } from './chartDrawing'
import { lineDash, lineToken } from './lineStyle'
import { lonely, type Measure } from './series'

/** Room beside the plot, in pixels: what is laid over a chart must know it. */
export const PLOT_LEFT = 44
export const PLOT_RIGHT = 22

interface Wanted {
  width: number
  height: number
  measure: Measure
  /** Places of the lines among the unit's sensors: the same sensor has the same colour everywhere. */
  lines: number[]
  banded: boolean
  zone: string | undefined
  drawn: { readonly current: Drawn }
  /** Charts with the same key show the same moment under the pointer. */
  together: string
  onCursor: (index: number | null, left: number) => void
  onSelect: (from: number, to: number) => void
}

const lineColor = (place: number): string => token(lineToken(place))

/** Below this many points in sight each is marked with a dot. */
const FEW_POINTS = 40
/** Pixels for the words of a moment. */
const WORDS_WIDTH = 72

export function chartOptions(wanted: Wanted): uPlot.Options {
  const { zone, drawn, measure } = wanted
  const text = token('muted')
  const grid = { stroke: token('line'), width: 1 }
  const font = "12px 'Inter Variable', system-ui, sans-serif"
  const ticks = (chart: uPlot) => {
    const { min = 0, max = 1 } = chart.scales.x as { min?: number; max?: number }
    return ticksOf(min * 1000, max * 1000, Math.max(2, chart.width / WORDS_WIDTH), zone, LOCALE)
  }
  return {
    width: wanted.width,
    height: wanted.height,
    padding: [measure === 'temperature' ? 10 : 6, PLOT_RIGHT, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false, dist: 6 },
      points: { size: 8 },
      // The pointer's place is shared; what somebody selects on one chart isn't selected on the other, too.
      sync: {
        key: wanted.together,
        scales: ['x', null],
        filters: { pub: (type) => type !== 'mousedown' && type !== 'mouseup' },
      },
      bind: {
        // Shift moves the chart instead; the gestures see to that.
        mousedown: (_chart, _target, handle) => (event) => {
          if (!event.shiftKey) handle(event)
          return null
        },
        // uPlot would show everything it has: that is no view of ours.
        dblclick: () => () => null,
      },
    },
    select: { show: true, left: 0, top: 0, width: 0, height: 0 },
    scales: {
      x: { time: true },
      y: { range: (_, low, high) => valueRange(low, high, drawn.current, measure) },
    },
    axes: [
      {
        stroke: text,
        font,
        grid: { show: false },
        ticks: grid,
        size: 34,
        splits: (chart) => ticks(chart).map(({ at }) => at / 1000),
        values: (chart) => ticks(chart).map(({ words }) => words),
      },
      {
        stroke: text,
        font,
        grid,
        ticks: { show: false },
        size: PLOT_LEFT,
        space: measure === 'temperature' ? 36 : 28,
        values: (_, splits) => splits.map((value) => `${trimmed(value)}${measure === 'temperature' ? '°' : '%'}`),
      },
    ],
    series: [{}, ...wanted.lines.flatMap((place) => lineSeries(place, wanted.banded))],
    bands: wanted.banded
      ? wanted.lines.map((place, index) => ({
          series: [3 * index + 1, 3 * index + 2] as [number, number],
          fill: withAlpha(lineColor(place), 0.18),
        }))
      : [],
    hooks: {
      drawClear: [
        (chart) => {
          drawDefrosts(chart, drawn.current)
          drawSpans(chart, drawn.current)
          // Where a day or a year begins, the eye needs a stop.
          drawStrong(chart, ticks(chart))
        },
      ],
      draw: [
        (chart) => {
          if (measure === 'temperature') drawLimits(chart, drawn.current)
          drawDoors(chart, drawn.current)
        },
      ],
      setCursor: [
        (chart) => {
          const { idx, left = -1 } = chart.cursor
          wanted.onCursor(left < 0 || idx == null ? null : idx, left)
        },
      ],
      setSelect: [
        (chart) => {
          const { left, width } = chart.select
          if (width < 1) return
          const [from, to] = [chart.posToVal(left, 'x') * 1000, chart.posToVal(left + width, 'x') * 1000]
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          wanted.onSelect(from, to)
        },
      ],
    },
  }
}

function lineSeries(place: number, banded: boolean): uPlot.Series[] {
  const points = { show: true, size: 5, width: 0, fill: lineColor(place), filter: dotted }
  const line = { stroke: lineColor(place), width: 2, dash: lineDash(place), points }
  if (!banded) return [line]
  const edge = { stroke: withAlpha(lineColor(place), 0.45), width: 1, points: { show: false } }
  return [edge, { ...edge }, { ...line, width: 1.75 }]
}

/** Which points get a dot: all where there are few, else those that no line reaches. */
const dotted = (chart: uPlot, series: number): number[] | null => {
  const column = chart.data[series] as (number | null | undefined)[]
  const { idxs = [0, column.length - 1] } = chart.series[0] as { idxs?: [number, number] }
  if (idxs[1] - idxs[0] > FEW_POINTS) return lonely(column)
  return column.flatMap((value, index) => (typeof value === 'number' ? [index] : []))
}

function drawStrong(chart: uPlot, ticks: { at: number; strong: boolean }[]): void {
  const { ctx } = chart
  const { top, height, left, width } = chart.bbox
  ctx.save()
  ctx.strokeStyle = token('line')
  ctx.lineWidth = 1
  for (const { at, strong } of ticks) {
    const x = Math.round(chart.valToPos(at / 1000, 'x', true)) + 0.5
    if (!strong || x < left || x > left + width) continue
    ctx.beginPath()
    ctx.moveTo(x, top)
    ctx.lineTo(x, top + height)
    ctx.stroke()
  }
  ctx.restore()
}

export const trimmed = (value: number): string => String(Math.round(value * 10) / 10).replace('-', '\u2212')

function withAlpha(hex: string, alpha: number): string {
  const channel = (from: number) => Number.parseInt(hex.slice(from, from + 2), 16)
  return `rgb(${channel(1)} ${channel(3)} ${channel(5)} / ${alpha})`
}
