import { Button } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { Problem } from '@/shared/api/client'
import { Complaint, useSecondsLeft } from '@/shared/ui/Complaint'
import { besides, fieldError } from '@/shared/ui/Dialog'
import { PasswordField } from '@/shared/ui/PasswordField'
import { Loading, Trouble } from '@/shared/ui/states'
import { Entrance } from './Entrance'
import classes from './Entrance.module.css'
import { resetPassword, resetQuery } from './queries'

/** Where the link of a forgotten password leads. */
export function ResetPasswordPage({ token }: { token: string }) {
  const whose = useQuery(resetQuery(token))
  const changing = useMutation({ mutationFn: (password: string) => resetPassword({ key: token, password }) })
  const stale = [whose.error, changing.error].some((error) => fieldError(error, 'key'))
  if (changing.isSuccess) {
    return (
      <Entrance title="Your password is changed" words="All devices were signed out. Sign in with the new password.">
        <Button component={Link} to="/sign-in" size="md" fullWidth autoFocus>
          Sign in
        </Button>
      </Entrance>
    )
  }
  if (stale) {
    return (
      <Entrance
        title="This link doesn't work any more"
        words="It was used already, or is too old. Your password is as it was."
        foot={<Link to="/sign-in">Back to sign-in</Link>}
      >
        <Button component={Link} to="/forgot-password" size="md" fullWidth>
          Send a new link
        </Button>
      </Entrance>
    )
  }
  return (
    <Entrance
      title="Choose a new password"
      words={
        whose.data && (
          <>
            For <strong>{whose.data.email}</strong>. All devices are signed out when it is changed.
          </>
        )
      }
    >
      {whose.isPending && <Loading rows={3} />}
      {whose.error && <Trouble error={whose.error} retry={() => void whose.refetch()} />}
      {whose.data && (
        <Form email={whose.data.email} error={changing.error} pending={changing.isPending} onSubmit={changing.mutate} />
      )}
    </Entrance>
  )
}

interface FormProps {
  email: string
  error: Error | null
  pending: boolean
  onSubmit: (password: string) => void
}

function Form({ email, error, pending, onSubmit }: FormProps) {
  const [password, setPassword] = useState('')
  const waits = useSecondsLeft(error) > 0
  return (
    <form
      noValidate
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault()
        if (password && !pending && !waits) onSubmit(password)
      }}
    >
      <Complaint error={error instanceof Problem ? besides(error, 'password') : error} />
      {/* For password managers: whose password this is. */}
      <input type="text" name="username" autoComplete="username" value={email} readOnly hidden />
      <PasswordField
        label="New password"
        fresh
        value={password}
        onChange={setPassword}
        error={fieldError(error, 'password')}
        autoFocus
      />
      <Button type="submit" size="md" fullWidth loading={pending} disabled={waits}>
        Change password
      </Button>
    </form>
  )
}
