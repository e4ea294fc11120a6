import { NumberInput } from '@mantine/core'
import { useState } from 'react'
import { NARROW_SPACE } from '@/shared/units'

interface Props {
  label: string
  description?: string
  /** null: nothing usable. */
  seconds: number | null
  onSeconds: (seconds: number | null) => void
  error?: string | undefined
  min?: number
}

const inMinutes = (seconds: number | null): number | string =>
  seconds === null ? '' : Math.round((seconds / 60) * 100) / 100

/** A length of time in minutes. What is half written stays as it is; what changes from outside is shown. */
export function MinutesField({ label, description, seconds, onSeconds, error, min = 0 }: Props) {
  const [typed, setTyped] = useState<{ shown: number | string; seconds: number | null }>()
  const isTyped = typed !== undefined && typed.seconds === seconds
  return (
    <NumberInput
      label={label}
      description={description}
      size="md"
      value={isTyped ? typed.shown : inMinutes(seconds)}
      onChange={(value) => {
        const number = value === '' ? Number.NaN : Number(value)
        const given = Number.isNaN(number) ? null : Math.round(number * 60)
        setTyped({ shown: value, seconds: given })
        if (given !== seconds) onSeconds(given)
      }}
      decimalScale={2}
      suffix={`${NARROW_SPACE}min`}
      allowNegative={false}
      error={error}
      min={min}
      step={5}
      inputMode="decimal"
      autoComplete="off"
    />
  )
}
