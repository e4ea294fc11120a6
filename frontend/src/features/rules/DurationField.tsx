import { useState } from 'react'
import { AmountField } from './AmountField'

interface Props {
  label: string
  seconds: number
  onSeconds: (seconds: number) => void
  error?: React.ReactNode
}

/** A length of time in minutes, or in seconds where that is how it was given: 20 s aren't 0.33 min. */
export function DurationField({ label, seconds, onSeconds, error }: Props) {
  const [inSeconds] = useState(seconds % 60 !== 0)
  const share = inSeconds ? 1 : 60
  return (
    <AmountField
      label={label}
      unit={inSeconds ? 's' : 'min'}
      shown={Math.round((seconds / share) * 100) / 100}
      onChange={(shown) => onSeconds(Math.max(0, Math.round((shown ?? 0) * share)))}
      error={error}
      min={0}
      step={5}
    />
  )
}
