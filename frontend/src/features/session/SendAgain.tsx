import { useState } from 'react'
import { useNow } from '@/shared/now'

/** Long enough for a message to arrive, so that nobody has two codes and types the older one. */
const PAUSE_S = 30

interface Props {
  children: string
  onAgain: () => void
  pending: boolean
}

/** Sends it once more, after a pause that is counted down. */
export function SendAgain({ children, onAgain, pending }: Props) {
  const [sent, setSent] = useState(() => Date.now())
  const left = useNow((now) => Math.max(0, Math.ceil(PAUSE_S - (now - sent) / 1000)))
  return (
    <button
      type="button"
      disabled={left > 0 || pending}
      className="numbers"
      onClick={() => {
        setSent(Date.now())
        onAgain()
      }}
    >
      {left > 0 ? `${children} in ${left} s` : children}
    </button>
  )
}
