import { Button, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Outcome } from '@/shared/api/accounts'
import { Complaint, useSecondsLeft } from '@/shared/ui/Complaint'
import { besides, fieldError } from '@/shared/ui/Dialog'
import { PasswordField } from '@/shared/ui/PasswordField'
import classes from './Entrance.module.css'
import { settle, signUp } from './queries'

interface Props {
  /** An address that can't be another one: that of an invitation. */
  email?: string
  /** The verb on the button. */
  submit?: string
  onOutcome: (came: Outcome) => void
}

/** Name, address and password of somebody new. */
export function SignUpForm({ email: fixed, submit = 'Create account', onOutcome }: Props) {
  const client = useQueryClient()
  const [name, setName] = useState('')
  const [email, setEmail] = useState(fixed ?? '')
  const [password, setPassword] = useState('')
  const [missing, setMissing] = useState(false)
  const signing = useMutation({
    mutationFn: () => signUp({ name: name.trim(), email: email.trim(), password }),
    onSuccess: async (came) => {
      await settle(client, came)
      onOutcome(came)
    },
  })
  const waits = useSecondsLeft(signing.error) > 0
  return (
    <form
      noValidate
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault()
        const empty = email.trim() === '' || password === ''
        setMissing(empty)
        if (!empty && !signing.isPending && !waits) signing.mutate()
      }}
    >
      <Complaint error={besides(signing.error, 'name', 'email', 'password')} />
      <TextInput
        label="Your name"
        description="As your colleagues know you."
        name="name"
        autoComplete="name"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        error={fieldError(signing.error, 'name')}
        maxLength={150}
      />
      <TextInput
        label="E-mail"
        description={fixed === undefined ? undefined : 'The invitation was sent to this address.'}
        name="email"
        type="email"
        inputMode="email"
        autoComplete="username"
        autoCapitalize="off"
        spellCheck={false}
        value={email}
        onChange={(event) => setEmail(event.currentTarget.value)}
        readOnly={fixed !== undefined}
        error={
          missing && email.trim() === '' ? 'Type your e-mail address.' : (fieldError(signing.error, 'email') ?? null)
        }
        maxLength={254}
        required
        withAsterisk={false}
      />
      <PasswordField
        fresh
        value={password}
        onChange={setPassword}
        error={missing && password === '' ? 'Choose a password.' : fieldError(signing.error, 'password')}
      />
      <Button type="submit" size="md" fullWidth loading={signing.isPending} disabled={waits}>
        {submit}
      </Button>
    </form>
  )
}
