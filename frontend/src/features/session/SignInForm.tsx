import { Button, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Outcome } from '@/shared/api/accounts'
import { passkeysPossible } from '@/shared/passkeys'
import { Complaint, useSecondsLeft } from '@/shared/ui/Complaint'
import { IconKey } from '@/shared/ui/icons'
import { PasswordField } from '@/shared/ui/PasswordField'
import classes from './Entrance.module.css'
import { ProviderButtons } from './ProviderButtons'
import { settle, signIn, signInWithPasskey } from './queries'

interface Props {
  /** An address that can't be another one: that of an invitation. */
  email?: string
  next: string | undefined
  onOutcome: (came: Outcome) => void
}

/** Address and password, or a passkey, or another place where the person is known. */
export function SignInForm({ email: fixed, next, onOutcome }: Props) {
  const client = useQueryClient()
  const [email, setEmail] = useState(fixed ?? '')
  const [password, setPassword] = useState('')
  const [missing, setMissing] = useState(false)
  const entering = useMutation({
    mutationFn: (how: 'password' | 'passkey') =>
      how === 'passkey' ? signInWithPasskey() : signIn({ email: email.trim(), password }),
    onSuccess: async (came) => {
      await settle(client, came)
      onOutcome(came)
    },
  })
  const waits = useSecondsLeft(entering.error) > 0
  const by = entering.isPending ? entering.variables : null
  return (
    <>
      <form
        noValidate
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault()
          const empty = email.trim() === '' || password === ''
          setMissing(empty)
          if (!empty && !entering.isPending && !waits) entering.mutate('password')
        }}
      >
        <Complaint error={entering.error} />
        <TextInput
          label="E-mail"
          name="email"
          type="email"
          inputMode="email"
          autoComplete="username"
          autoCapitalize="off"
          spellCheck={false}
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
          readOnly={fixed !== undefined}
          error={missing && email.trim() === '' ? 'Type the address that you signed up with.' : null}
          maxLength={254}
          required
          withAsterisk={false}
        />
        <PasswordField
          value={password}
          onChange={setPassword}
          error={missing && password === '' ? 'Type your password.' : null}
        />
        <Button type="submit" size="md" fullWidth loading={by === 'password'} disabled={waits || by === 'passkey'}>
          Sign in
        </Button>
      </form>
      <ProviderButtons next={next}>
        {passkeysPossible() && (
          <Button
            variant="default"
            size="md"
            fullWidth
            leftSection={<IconKey size={20} />}
            loading={by === 'passkey'}
            disabled={waits || by === 'password'}
            onClick={() => entering.mutate('passkey')}
          >
            Sign in with a passkey
          </Button>
        )}
      </ProviderButtons>
    </>
  )
}
