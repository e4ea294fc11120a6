import { TextInput } from '@mantine/core'
import { useEffect, useRef } from 'react'
import classes from './CodeField.module.css'

export const CODE_LENGTH = 6

interface Props {
  label: string
  description?: string
  value: string
  onChange: (code: string) => void
  /** Called once all six digits are there, typed or pasted. */
  onComplete?: (code: string) => void
  error?: string | null
  disabled?: boolean
}

/** Six digits from an app or an e-mail. Spaces and dashes that were copied with them are dropped. */
export function CodeField({ label, description, value, onChange, onComplete, error, disabled }: Props) {
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => {
    // A wrong code is typed anew.
    if (error) input.current?.select()
  }, [error])
  return (
    <TextInput
      ref={input}
      label={label}
      description={description}
      value={value}
      onChange={(event) => {
        const code = event.currentTarget.value.replace(/\D/g, '').slice(0, CODE_LENGTH)
        onChange(code)
        if (code.length === CODE_LENGTH && code !== value) onComplete?.(code)
      }}
      error={error}
      disabled={disabled}
      size="lg"
      inputMode="numeric"
      autoComplete="one-time-code"
      autoCapitalize="off"
      spellCheck={false}
      data-autofocus
      autoFocus
      classNames={{ input: classes.input }}
    />
  )
}

interface RecoveryProps {
  value: string
  onChange: (code: string) => void
  error?: string | null
}

/** One of the codes that were kept for the day the phone is lost. */
export function RecoveryCodeField({ value, onChange, error }: RecoveryProps) {
  return (
    <TextInput
      label="Recovery code"
      description="One of the codes that you saved when you set up two-factor sign-in. Each works once."
      value={value}
      onChange={(event) => onChange(event.currentTarget.value.replace(/\s/g, ''))}
      error={error}
      size="lg"
      autoComplete="off"
      autoCapitalize="off"
      spellCheck={false}
      data-autofocus
      autoFocus
      classNames={{ input: classes.words }}
    />
  )
}
