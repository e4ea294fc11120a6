import { Button, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Outcome } from '@/shared/api/accounts'
import { Complaint } from '@/shared/ui/Complaint'
import { besides, fieldError } from '@/shared/ui/Dialog'
import { Loading, Trouble } from '@/shared/ui/states'
import { Entrance } from './Entrance'
import classes from './Entrance.module.css'
import { providerSignUpQuery, settle, signUpWithProvider } from './queries'

interface Props {
  provider: string
  onOutcome: (came: Outcome) => void
  onStartOver: () => void
}

/** The provider knows the person, but not well enough: an address is missing, or belongs to another account. */
export function ProviderSignUp({ provider, onOutcome, onStartOver }: Props) {
  const known = useQuery(providerSignUpQuery)
  return (
    <Entrance
      title="One more thing"
      words={`${provider} told us who you are. Which address may we write to?`}
      foot={
        <button type="button" onClick={onStartOver}>
          Sign in another way
        </button>
      }
    >
      {known.isPending && <Loading rows={2} />}
      {known.error && <Trouble error={known.error} retry={() => void known.refetch()} />}
      {known.data && <Form email={known.data.email} onOutcome={onOutcome} />}
    </Entrance>
  )
}

function Form({ email: known, onOutcome }: { email: string; onOutcome: (came: Outcome) => void }) {
  const client = useQueryClient()
  const [email, setEmail] = useState(known)
  const signing = useMutation({
    mutationFn: () => signUpWithProvider({ email: email.trim() }),
    onSuccess: async (came) => {
      await settle(client, came)
      onOutcome(came)
    },
  })
  return (
    <form
      noValidate
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault()
        if (!signing.isPending) signing.mutate()
      }}
    >
      <Complaint error={besides(signing.error, 'email')} />
      <TextInput
        label="E-mail"
        type="email"
        inputMode="email"
        autoComplete="email"
        value={email}
        onChange={(event) => setEmail(event.currentTarget.value)}
        error={fieldError(signing.error, 'email')}
        maxLength={254}
        autoFocus
      />
      <Button type="submit" size="md" fullWidth loading={signing.isPending}>
        Create account
      </Button>
    </form>
  )
}
