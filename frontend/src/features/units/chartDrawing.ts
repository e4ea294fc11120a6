/** What is drawn on a chart beside its lines: limits, alerts, open doors. */

import type uPlot from 'uplot'
import uPlotLibrary from 'uplot'
import type { Severity } from '@/shared/api/types'
import { token } from '@/shared/ui/theme'
import type { Limit, Span } from './limits'
import type { Stretch } from './range'
import type { Measure } from './series'

/** What the drawing hooks read when they draw. */
export interface Drawn {
  limits: Limit[]
  spans: Span[]
  doors: Stretch[]
  /** Recognised defrost cycles. */
  defrosts: Stretch[]
  convert: (value: number) => number
  now: number
}

const severityToken = (severity: Severity, part: 'fg' | 'bg' | 'line'): string => token(`${severity}-${part}`)
const rank = (severity: Severity): number => ['info', 'warning', 'critical'].indexOf(severity)

/** Room for the values and for the nearest limit on each side, and never less than 4 degrees: noise isn't drama. */
export function valueRange(
  low: number | null,
  high: number | null,
  { limits, convert }: Pick<Drawn, 'limits' | 'convert'>,
  measure: Measure,
): [number, number] {
  if (measure === 'humidity') {
    const [bottom, top] = [low ?? 0, high ?? 100]
    const missing = Math.max(0, 10 - (top - bottom)) / 2
    const margin = (top - bottom) * 0.08
    return [Math.max(0, bottom - missing - margin), Math.min(100, top + missing + margin)]
  }
  const all = limits.map((limit) => ({ side: limit.side, value: convert(limit.celsius) }))
  let bottom = low ?? Math.min(...all.map((limit) => limit.value), convert(0))
  let top = high ?? Math.max(...all.map((limit) => limit.value), convert(10))
  const ceiling = Math.min(...all.filter((limit) => limit.side === 'above').map((limit) => limit.value))
  const floor = Math.max(...all.filter((limit) => limit.side === 'below').map((limit) => limit.value))
  if (Number.isFinite(ceiling)) top = Math.max(top, ceiling)
  if (Number.isFinite(floor)) bottom = Math.min(bottom, floor)
  const missing = Math.max(0, 4 - (top - bottom))
  const margin = (top - bottom + missing) * 0.08
  return [bottom - missing / 2 - margin, top + missing / 2 + margin]
}

/** Alerts as shaded stretches with a bar on top. */
export function drawSpans(chart: uPlot, { spans, now }: Drawn): void {
  const { ctx } = chart
  const { left, top, width, height } = chart.bbox
  ctx.save()
  ctx.beginPath()
  ctx.rect(left, top, width, height)
  ctx.clip()
  // Critical last: it lies over the warning that came before it.
  for (const span of [...spans].sort((a, b) => rank(a.severity) - rank(b.severity))) {
    const start = chart.valToPos(span.from / 1000, 'x', true)
    const end = chart.valToPos((span.to ?? now) / 1000, 'x', true)
    const breadth = Math.max(end - start, 2 * uPlotLibrary.pxRatio)
    ctx.fillStyle = severityToken(span.severity, 'bg')
    ctx.fillRect(start, top, breadth, height)
    ctx.fillStyle = severityToken(span.severity, 'line')
    ctx.fillRect(start, top, breadth, 3 * uPlotLibrary.pxRatio)
  }
  ctx.restore()
}

/** Defrost cycles as a calm shade with a bar at the foot: it got warm there, and that was meant to be. */
export function drawDefrosts(chart: uPlot, { defrosts }: Drawn): void {
  const { ctx } = chart
  const { left, top, width, height } = chart.bbox
  const thick = 5 * uPlotLibrary.pxRatio
  ctx.save()
  ctx.beginPath()
  ctx.rect(left, top, width, height)
  ctx.clip()
  for (const defrost of defrosts) {
    const start = chart.valToPos(defrost.from / 1000, 'x', true)
    const end = chart.valToPos(defrost.to / 1000, 'x', true)
    const breadth = Math.max(end - start, 2 * uPlotLibrary.pxRatio)
    ctx.fillStyle = token('no-data-bg')
    ctx.fillRect(start, top, breadth, height)
    ctx.fillStyle = token('no-data-line')
    ctx.fillRect(start, top + height - 2 * thick - uPlotLibrary.pxRatio, breadth, thick)
  }
  ctx.restore()
}

/** Open doors as bars at the foot of the chart. */
export function drawDoors(chart: uPlot, { doors }: Drawn): void {
  const { ctx } = chart
  const { left, top, width, height } = chart.bbox
  const thick = 5 * uPlotLibrary.pxRatio
  ctx.save()
  ctx.beginPath()
  ctx.rect(left, top, width, height)
  ctx.clip()
  ctx.fillStyle = token('info-line')
  for (const door of doors) {
    const start = chart.valToPos(door.from / 1000, 'x', true)
    const end = chart.valToPos(door.to / 1000, 'x', true)
    ctx.fillRect(start, top + height - thick, Math.max(end - start, 2 * uPlotLibrary.pxRatio), thick)
  }
  ctx.restore()
}

/** Limits as dashed lines with their words. */
export function drawLimits(chart: uPlot, { limits, convert }: Drawn): void {
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
    const whose = limit.of === 'product' ? 'product ' : ''
    const words = `${whose}${limit.severity} ${limit.side} ${String(Math.round(convert(limit.celsius) * 10) / 10).replace('-', '\u2212')}°`
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
