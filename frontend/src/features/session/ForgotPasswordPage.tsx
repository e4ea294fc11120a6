import { Button, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { Complaint, useSecondsLeft } from '@/shared/ui/Complaint'
import { besides, fieldError } from '@/shared/ui/Dialog'
import { Entrance } from './Entrance'
import classes from './Entrance.module.css'
import { requestReset } from './queries'
import { SendAgain } from './SendAgain'

/** Sends a link to choose a new password. What it says is the same whether or not there is such an account. */
export function ForgotPasswordPage() {
  const [email, setEmail] = useState('')
  const [missing, setMissing] = useState(false)
  const asking = useMutation({ mutationFn: () => requestReset(email.trim()) })
  const [sent, setSent] = useState(false)
  const waits = useSecondsLeft(asking.error) > 0
  const ask = () => asking.mutate(undefined, { onSuccess: () => setSent(true) })
  if (sent) {
    return (
      <Entrance
        title="Check your e-mail"
        words={
          <>
            If there is an account with <strong>{email.trim()}</strong>, a link to choose a new password is on its way.
            If there isn't, the message says so. Look among unwanted mail too.
          </>
        }
        foot={
          <>
            <SendAgain onAgain={ask} pending={asking.isPending}>
              Send it again
            </SendAgain>
            <button type="button" onClick={() => setSent(false)}>
              Use another address
            </button>
          </>
        }
      >
        <div className={classes.form}>
          <Complaint error={asking.error} />
          <Button component={Link} to="/sign-in" variant="default" size="md" fullWidth>
            Back to sign-in
          </Button>
        </div>
      </Entrance>
    )
  }
  return (
    <Entrance
      title="Choose a new password"
      words="Type the address that you sign in with. We send a link to it."
      foot={<Link to="/sign-in">Back to sign-in</Link>}
    >
      <form
        noValidate
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault()
          const empty = email.trim() === ''
          setMissing(empty)
          if (!empty && !asking.isPending && !waits) ask()
        }}
      >
        <Complaint error={besides(asking.error, 'email')} />
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
          error={
            missing && email.trim() === '' ? 'Type your e-mail address.' : (fieldError(asking.error, 'email') ?? null)
          }
          maxLength={254}
          autoFocus
        />
        <Button type="submit" size="md" fullWidth loading={asking.isPending} disabled={waits}>
          Send link
        </Button>
      </form>
    </Entrance>
  )
}
