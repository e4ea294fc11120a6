import { NumberInput } from '@mantine/core'
import { useState } from 'react'

interface Props {
  label: string
  description?: string | undefined
  /** As it is shown; null: nothing. */
  shown: number | null
  unit: string
  onChange: (shown: number | null) => void
  error?: React.ReactNode
  min?: number
  step?: number
}

/** A number with its unit. What is half written ("4.", "−") stays as it is until it is a number. */
export function AmountField({ label, description, shown, unit, onChange, error, min, step = 1 }: Props) {
  const [typed, setTyped] = useState<string | number>(shown ?? '')
  return (
    <NumberInput
      label={label}
      description={description}
      size="md"
      value={typed}
      onChange={(value) => {
        setTyped(value)
        const number = value === '' || value === '-' ? Number.NaN : Number(value)
        onChange(Number.isNaN(number) ? null : number)
      }}
      decimalScale={2}
      suffix={`\u202f${unit}`}
      error={error}
      min={min}
      step={step}
      inputMode="decimal"
      autoComplete="off"
    />
  )
}
