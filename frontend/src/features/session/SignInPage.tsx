import { Button, PasswordInput, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { Problem } from '@/shared/api/client'
import { Logo } from '@/shared/ui/Logo'
import { StatusMark } from '@/shared/ui/StatusBadge'
import { meQuery, signIn } from './queries'
import classes from './SignInPage.module.css'

/** Asks for e-mail and password; `onSignedIn` goes where the person wanted to. */
export function SignInPage({ onSignedIn }: { onSignedIn: () => void }) {
  const client = useQueryClient()
  const alert = useRef<HTMLDivElement>(null)
  const entering = useMutation({
    mutationFn: signIn,
    onSuccess: async () => {
      await client.fetchQuery({ ...meQuery, staleTime: 0 })
      onSignedIn()
    },
  })
  useEffect(() => {
    if (entering.error) alert.current?.focus()
  }, [entering.error])

  const submit = (event: React.FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    entering.mutate({ email: String(form.get('email')).trim(), password: String(form.get('password')) })
  }

  return (
    <main className={classes.screen}>
      <div className={classes.card}>
        <Logo size={40} />
        <h1 className={classes.title}>Sign in to FreshTrack</h1>
        <p className={classes.words}>Every cooler, freezer and vaccine fridge, watched around the clock.</p>
        {entering.error && (
          <div ref={alert} role="alert" tabIndex={-1} className={classes.error} data-tone="critical">
            <StatusMark tone="critical" />
            {sentence(entering.error)}
          </div>
        )}
        <form onSubmit={submit} className={classes.form}>
          <TextInput label="E-mail" name="email" type="email" autoComplete="username" required withAsterisk={false} />
          <PasswordInput
            label="Password"
            name="password"
            autoComplete="current-password"
            required
            withAsterisk={false}
            visibilityToggleButtonProps={{ 'aria-label': 'Show password', tabIndex: 0 }}
          />
          <Button type="submit" size="md" fullWidth loading={entering.isPending}>
            Sign in
          </Button>
        </form>
      </div>
    </main>
  )
}

function sentence(error: Error): string {
  if (!(error instanceof Problem)) return 'Something went wrong. Try again.'
  if (error.status === 403) return 'This page was open for too long. Reload it and sign in again.'
  return error.message
}
