/** How uPlot draws a unit's temperature: axes in the site's time, limits as lines, alerts as shaded stretches. */

import type uPlot from 'uplot'
import uPlotLibrary from 'uplot'
import type { Severity } from '@/shared/api/types'
import type { Scale } from '@/shared/preferences'
import { type Token, token } from '@/shared/ui/theme'
import { LOCALE } from '@/shared/units'
import type { Limit, Span } from './limits'

interface Drawn {
  limits: Limit[]
  spans: Span[]
  convert: (celsius: number) => number
  to: number
}

interface Wanted {
  width: number
  height: number
  lines: string[]
  banded: boolean
  scale: Scale
  zone: string | undefined
  drawn: { readonly current: Drawn }
  onCursor: (at: number | null, values: string[]) => void
}

const LINE_TOKENS: Token[] = ['accent', 'fault-fg', 'info-fg', 'ok-fg']
const DAY_S = 86_400

export const lineColor = (index: number): string => token(LINE_TOKENS[index % LINE_TOKENS.length] as Token)

const severityToken = (severity: Severity, part: 'fg' | 'bg' | 'line'): string => token(`${severity}-${part}`)

export function chartOptions(wanted: Wanted): uPlot.Options {
  const { scale, zone, drawn } = wanted
  const text = token('muted')
  const grid = { stroke: token('line'), width: 1 }
  const font = "12px 'Inter Variable', system-ui, sans-serif"
  return {
    width: wanted.width,
    height: wanted.height,
    padding: [10, 22, 0, 0],
    legend: { show: false },
    tzDate: (seconds) => (zone ? uPlotLibrary.tzDate(new Date(seconds * 1000), zone) : new Date(seconds * 1000)),
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { size: 8 },
    },
    scales: { x: { time: true }, y: { range: (_, low, high) => valueRange(low, high, drawn.current) } },
    axes: [
      {
        stroke: text,
        font,
        grid: { show: false },
        ticks: grid,
        space: 64,
        values: (chart, splits) => timeWords(chart, splits, zone),
      },
      {
        stroke: text,
        font,
        grid,
        ticks: { show: false },
        size: 44,
        space: 36,
        values: (_, splits) => splits.map((value) => `${trimmed(value)}°`),
      },
    ],
    series: [{}, ...lineSeries(wanted)],
    bands: wanted.banded ? [{ series: [1, 2], fill: withAlpha(token('accent'), 0.18) }] : [],
    hooks: {
      drawClear: [(chart) => drawSpans(chart, drawn.current)],
      draw: [(chart) => drawLimits(chart, drawn.current)],
      setCursor: [
        (chart) => {
          const index = chart.cursor.idx
          const at = index == null ? undefined : chart.data[0][index]
          if (index == null || at === undefined || (chart.cursor.left ?? -1) < 0) wanted.onCursor(null, [])
          else wanted.onCursor(at * 1000, cursorWords(chart, index, wanted.banded, scale))
        },
      ],
    },
  }
}

function lineSeries({ lines, banded }: Wanted): uPlot.Series[] {
  if (banded) {
    const edge = { stroke: withAlpha(token('accent'), 0.45), width: 1, points: { show: false } }
    return [edge, edge, { stroke: token('accent'), width: 2, points: { show: false } }]
  }
  return lines.map((_, index) => ({
    stroke: lineColor(index),
    width: 2,
    dash: index ? [6, 4] : undefined,
    points: { show: false },
  }))
}

/** Room for the values and for the nearest limit on each side, and never less than 4 degrees: noise isn't drama. */
function valueRange(low: number | null, high: number | null, { limits, convert }: Drawn): [number, number] {
  const all = limits.map((limit) => ({ side: limit.side, value: convert(limit.celsius) }))
  let bottom = low ?? Math.min(...all.map((limit) => limit.value), 0)
  let top = high ?? Math.max(...all.map((limit) => limit.value), 10)
  const ceiling = Math.min(...all.filter((limit) => limit.side === 'above').map((limit) => limit.value))
  const floor = Math.max(...all.filter((limit) => limit.side === 'below').map((limit) => limit.value))
  if (Number.isFinite(ceiling)) top = Math.max(top, ceiling)
  if (Number.isFinite(floor)) bottom = Math.min(bottom, floor)
  const missing = Math.max(0, 4 - (top - bottom))
  const margin = (top - bottom + missing) * 0.08
  return [bottom - missing / 2 - margin, top + missing / 2 + margin]
}

function drawSpans(chart: uPlot, { spans, to }: Drawn): void {
  const { ctx } = chart
  const { left, top, width, height } = chart.bbox
  ctx.save()
  ctx.beginPath()
  ctx.rect(left, top, width, height)
  ctx.clip()
  // Critical last: it lies over the warning that came before it.
  for (const span of [...spans].sort((a, b) => rank(a.severity) - rank(b.severity))) {
    const start = chart.valToPos(span.from / 1000, 'x', true)
    const end = chart.valToPos((span.to ?? to) / 1000, 'x', true)
    const breadth = Math.max(end - start, 2 * uPlotLibrary.pxRatio)
    ctx.fillStyle = severityToken(span.severity, 'bg')
    ctx.fillRect(start, top, breadth, height)
    ctx.fillStyle = severityToken(span.severity, 'line')
    ctx.fillRect(start, top, breadth, 3 * uPlotLibrary.pxRatio)
  }
  ctx.restore()
}

const rank = (severity: Severity): number => ['info', 'warning', 'critical'].indexOf(severity)

function drawLimits(chart: uPlot, { limits, convert }: Drawn): void {
  const { ctx } = chart
  const { left, top, width, height } = chart.bbox
  const pixel = uPlotLibrary.pxRatio
  ctx.save()
  ctx.lineWidth = 1.25 * pixel
  ctx.font = `600 ${11 * pixel}px 'Inter Variable', system-ui, sans-serif`
  ctx.textAlign = 'left'
  // The more severe words first: where lines lie close, only one of them has room.
  const taken: number[] = []
  for (const limit of [...limits].sort((a, b) => rank(b.severity) - rank(a.severity))) {
    const y = Math.round(chart.valToPos(convert(limit.celsius), 'y', true))
    if (y < top || y > top + height) continue
    ctx.strokeStyle = severityToken(limit.severity, 'line')
    ctx.setLineDash([5 * pixel, 4 * pixel])
    ctx.beginPath()
    ctx.moveTo(left, y)
    ctx.lineTo(left + width, y)
    ctx.stroke()
    const words = `${limit.severity} ${limit.side} ${trimmed(convert(limit.celsius))}°`
    const above = limit.side === 'above' ? y - 5 * pixel : y + 13 * pixel
    if (taken.some((other) => Math.abs(other - above) < 13 * pixel)) continue
    taken.push(above)
    ctx.lineJoin = 'round'
    ctx.setLineDash([])
    ctx.lineWidth = 3 * pixel
    ctx.strokeStyle = token('surface')
    ctx.strokeText(words, left + 4 * pixel, above)
    ctx.lineWidth = 1.25 * pixel
    ctx.fillStyle = severityToken(limit.severity, 'fg')
    ctx.fillText(words, left + 4 * pixel, above)
  }
  ctx.restore()
}

function timeWords(chart: uPlot, splits: number[], zone: string | undefined): string[] {
  const days = ((chart.scales.x?.max ?? 0) - (chart.scales.x?.min ?? 0)) / DAY_S > 2
  const hours = new Intl.DateTimeFormat(LOCALE, { hour: '2-digit', minute: '2-digit', timeZone: zone })
  const dates = new Intl.DateTimeFormat(LOCALE, { weekday: 'short', day: 'numeric', timeZone: zone })
  return splits.map((seconds) => (days ? dates : hours).format(seconds * 1000))
}

function cursorWords(chart: uPlot, index: number, banded: boolean, scale: Scale): string[] {
  const at = (series: number): number | null | undefined => chart.data[series]?.[index]
  const words = (value: number | null | undefined) =>
    value == null ? null : `${value.toFixed(1).replace('-', '\u2212')} °${scale}`
  if (banded) {
    const [high, low, mid] = [words(at(1)), words(at(2)), words(at(3))]
    return mid ? [`${low} to ${high}`, `average ${mid}`] : []
  }
  return chart.series.slice(1).flatMap((_, line) => words(at(line + 1)) ?? [])
}

const trimmed = (value: number): string => String(Math.round(value * 10) / 10).replace('-', '\u2212')

function withAlpha(hex: string, alpha: number): string {
  const channel = (from: number) => Number.parseInt(hex.slice(from, from + 2), 16)
  return `rgb(${channel(1)} ${channel(3)} ${channel(5)} / ${alpha})`
}
