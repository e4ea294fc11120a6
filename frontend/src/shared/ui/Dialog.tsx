/** A dialog that asks for something: words, fields, what the server refused, and two buttons. */

import { Button, Modal } from '@mantine/core'
import { Problem } from '@/shared/api/client'
import classes from './Dialog.module.css'
import { StatusMark } from './StatusBadge'

interface Props {
  title: string
  opened: boolean
  onClose: () => void
  onSubmit: () => void
  /** The verb on the button; without one there is nothing to send. */
  submit: string | undefined
  /** What leads out of it. */
  cancel?: string
  pending: boolean
  /** What can't be taken back has a red button. */
  danger?: boolean
  disabled?: boolean
  /** A refusal that no field shows. */
  error?: Error | null
  size?: string
  children: React.ReactNode
}

export function Dialog({
  title,
  opened,
  onClose,
  onSubmit,
  submit,
  cancel = 'Cancel',
  pending,
  danger,
  disabled,
  error,
  size,
  children,
}: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title={title} size={size} centered classNames={{ title: classes.title }}>
      <form
        noValidate
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault()
          if (submit && !pending && !disabled) onSubmit()
        }}
      >
        {children}
        <Refusal error={error ?? null} />
        <div className={classes.buttons}>
          <Button variant="default" onClick={onClose}>
            {cancel}
          </Button>
          {submit && (
            <Button type="submit" loading={pending} disabled={disabled} color={danger ? 'danger' : undefined}>
              {submit}
            </Button>
          )}
        </div>
      </form>
    </Modal>
  )
}

/** Muted sentences of a dialog or a form. */
export function Words({ children }: { children: React.ReactNode }) {
  return <p className={classes.words}>{children}</p>
}

/** Why the server said no, where it isn't about one field. */
export function Refusal({ error }: { error: Error | null }) {
  if (!error) return null
  return (
    <p role="alert" className={classes.refusal} data-tone="critical">
      <StatusMark tone="critical" />
      {error instanceof Problem ? error.message : 'Something went wrong. Try again.'}
    </p>
  )
}

/** What the server says about one field. */
export function fieldError(error: Error | null, field: string): string | undefined {
  if (!(error instanceof Problem)) return undefined
  return error.fields.find((each) => each.field === field || each.field.startsWith(`${field}.`))?.detail
}

/** The error unless one of these fields shows it. */
export function besides(error: Error | null, ...fields: string[]): Error | null {
  return fields.some((field) => fieldError(error, field)) ? null : error
}
