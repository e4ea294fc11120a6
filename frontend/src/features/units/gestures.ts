/** Wheel, pinch and drag on a chart: each asks for a stretch of time while it lasts, and is settled when it ends. */

import type uPlot from 'uplot'
import { moved, type Stretch, zoomed } from './range'

export interface GestureListener {
  /** What is shown now. */
  shown: () => Stretch
  /** While the gesture lasts. */
  onShow: (stretch: Stretch) => void
  /** After it. */
  onSettle: () => void
}

/** Fingers that moved less meant to tap, and those that move up or down meant the page. */
const SLOP = 8
const WHEEL_RESTS = 350

export function attachGestures(chart: uPlot, figure: HTMLElement, listener: GestureListener): () => void {
  const over = chart.over
  const detach = [watchWheel(over, figure, listener), watchPointers(over, listener)]
  return () => {
    for (const each of detach) each()
  }
}

/** Where along the plot something is, from 0 to 1. */
function shareOf(over: HTMLElement, clientX: number): number {
  const { left, width } = over.getBoundingClientRect()
  return width > 0 ? (clientX - left) / width : 0.5
}

const momentAt = ({ from, to }: Stretch, share: number): number => from + (to - from) * share

/**
 * Ctrl or ⌘ and the wheel zoom (browsers tell a touchpad's pinch so), and the wheel alone does while the chart has the
 * focus: else it scrolls the page, as everywhere. Sideways it moves.
 */
function watchWheel(over: HTMLElement, figure: HTMLElement, listener: GestureListener): () => void {
  let rest: ReturnType<typeof setTimeout> | undefined
  const onWheel = (event: WheelEvent) => {
    const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY)
    const zooms = event.ctrlKey || event.metaKey || figure.contains(document.activeElement)
    if (!isSideways && !event.shiftKey && !zooms) return
    event.preventDefault()
    const shown = listener.shown()
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1
    if (isSideways || event.shiftKey) {
      const pixels = (isSideways ? event.deltaX : event.deltaY) * lines
      listener.onShow(moved(shown, pixels / Math.max(over.clientWidth, 1), Date.now()))
    } else {
      // A pinch on a touchpad comes in small steps, a wheel's notch is about 100.
      const speed = Math.abs(event.deltaY) < 20 ? 0.012 : 0.0022
      const factor = Math.exp(event.deltaY * lines * speed)
      listener.onShow(zoomed(shown, factor, momentAt(shown, shareOf(over, event.clientX)), Date.now()))
    }
    clearTimeout(rest)
    rest = setTimeout(listener.onSettle, WHEEL_RESTS)
  }
  over.addEventListener('wheel', onWheel, { passive: false })
  return () => {
    clearTimeout(rest)
    over.removeEventListener('wheel', onWheel)
  }
}

interface Hold {
  stretch: Stretch
  /** Where the fingers were, along the plot. */
  at: number[]
}

/** One finger moves, two zoom; a mouse moves with Shift (alone it selects, which uPlot does). */
function watchPointers(over: HTMLElement, listener: GestureListener): () => void {
  const fingers = new Map<number, number>()
  let hold: Hold | null = null
  let active = false
  const grip = () => {
    hold = { stretch: listener.shown(), at: [...fingers.values()].map((x) => shareOf(over, x)) }
  }
  const onDown = (event: PointerEvent) => {
    if (event.pointerType === 'mouse' && !(event.shiftKey && event.button === 0)) return
    if (fingers.size === 2) return
    fingers.set(event.pointerId, event.clientX)
    if (event.pointerType === 'mouse') over.setPointerCapture(event.pointerId)
    grip()
  }
  const onMove = (event: PointerEvent) => {
    const before = fingers.get(event.pointerId)
    if (before === undefined || !hold) return
    fingers.set(event.pointerId, event.clientX)
    const at = [...fingers.values()].map((x) => shareOf(over, x))
    const way = Math.abs((at[0] ?? 0) - (hold.at[0] ?? 0)) * over.clientWidth
    if (!active && fingers.size === 1 && way < SLOP) return
    active = true
    listener.onShow(held(hold, at))
  }
  const onUp = (event: PointerEvent) => {
    if (!fingers.delete(event.pointerId)) return
    if (fingers.size > 0) grip()
    else {
      hold = null
      if (active) listener.onSettle()
      active = false
    }
  }
  over.addEventListener('pointerdown', onDown)
  over.addEventListener('pointermove', onMove)
  over.addEventListener('pointerup', onUp)
  over.addEventListener('pointercancel', onUp)
  return () => {
    over.removeEventListener('pointerdown', onDown)
    over.removeEventListener('pointermove', onMove)
    over.removeEventListener('pointerup', onUp)
    over.removeEventListener('pointercancel', onUp)
  }
}

/** What is under the fingers stays under them. */
export function held({ stretch, at }: Hold, now: number[]): Stretch {
  const [first = 0, second] = at
  const [here = 0, there] = now
  if (second === undefined || there === undefined) return moved(stretch, first - here, Date.now())
  const apart = Math.max(Math.abs(second - first), 0.02)
  const factor = apart / Math.max(Math.abs(there - here), 0.02)
  const around = momentAt(stretch, (first + second) / 2)
  return moved(zoomed(stretch, factor, around, Date.now()), (first + second) / 2 - (here + there) / 2, Date.now())
}
