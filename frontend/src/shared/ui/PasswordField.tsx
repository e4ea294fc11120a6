import { PasswordInput } from '@mantine/core'

interface Props {
  label?: string
  /** The browser offers to make and keep a new one. */
  fresh?: boolean
  description?: string
  value: string
  onChange: (password: string) => void
  error?: string | null
  autoFocus?: boolean
}

export const PASSWORD_RULE = 'At least 10 characters. Three or four words are easy to remember.'

/** A password that can be shown, and is pasted and filled in by password managers. */
export function PasswordField({ label = 'Password', fresh, description, value, onChange, error, autoFocus }: Props) {
  return (
    <PasswordInput
      label={label}
      description={description ?? (fresh ? PASSWORD_RULE : undefined)}
      name={fresh ? 'new-password' : 'password'}
      autoComplete={fresh ? 'new-password' : 'current-password'}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      error={error}
      maxLength={256}
      required
      withAsterisk={false}
      autoFocus={autoFocus}
      data-autofocus={autoFocus || undefined}
      visibilityToggleButtonProps={{ 'aria-label': `Show ${label.toLowerCase()}`, tabIndex: 0 }}
    />
  )
}
