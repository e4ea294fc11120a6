import { useEffect, useRef, useState } from 'react'
import { useNow } from '@/shared/now'
import { type Stretch, searchOf, stretchOf, type View } from './range'

/** Views chosen in quick succession are one step back, not many. */
const ONE_STEP = 1500

/** A gesture that nobody ended (its chart went away under it) ends by itself. */
const FORGOTTEN = 2000

export type OnView = (view: View, how: { replace: boolean }) => void

/** What a chart shows: its view, or on the way to another one whatever the hand asks for right now. */
export function useStretch(view: View, earliest: number | undefined, onView: OnView) {
  const now = useNow((ms) => Math.ceil(ms / 5000) * 5000)
  const [asked, setAsked] = useState<Stretch | null>(null)
  const latest = useRef(asked)
  const steppedAt = useRef(0)
  const forgotten = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(forgotten.current), [])

  const take = (stretch: Stretch | null) => {
    latest.current = stretch
    setAsked(stretch)
    clearTimeout(forgotten.current)
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: another view, whoever chose it, ends what was under way
  useEffect(() => take(null), [view])

  const choose = (wanted: View) => {
    if (JSON.stringify(searchOf(wanted)) === JSON.stringify(searchOf(view))) return take(null)
    const replace = Date.now() - steppedAt.current < ONE_STEP
    steppedAt.current = Date.now()
    onView(wanted, { replace })
  }
  const settle = () => {
    if (latest.current) choose(latest.current)
  }
  const settleNow = useRef(settle)
  settleNow.current = settle
  return {
    stretch: asked ?? stretchOf(view, now, earliest),
    /** While a gesture lasts. */
    show: (stretch: Stretch) => {
      take(stretch)
      forgotten.current = setTimeout(() => settleNow.current(), FORGOTTEN)
    },
    /** When it has ended: what is shown becomes the view. */
    settle,
    choose,
  }
}
