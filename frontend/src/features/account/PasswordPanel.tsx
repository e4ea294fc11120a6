import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Complaint, useSecondsLeft } from '@/shared/ui/Complaint'
import { besides, fieldError } from '@/shared/ui/Dialog'
import { Panel } from '@/shared/ui/Panel'
import { PasswordField } from '@/shared/ui/PasswordField'
import { toast } from '@/shared/ui/toast'
import classes from './Account.module.css'
import { told, useProven } from './Proof'
import { changePassword, hasPasswordQuery } from './queries'

/** Another password, or the first one of somebody who signs in elsewhere. */
export function PasswordPanel({ email }: { email: string }) {
  const client = useQueryClient()
  const proven = useProven()
  const has = useQuery(hasPasswordQuery).data ?? true
  const [opened, setOpened] = useState(false)
  const [present, setPresent] = useState('')
  const [fresh, setFresh] = useState('')
  const changing = useMutation({
    mutationFn: () =>
      proven(() => changePassword({ ...(has ? { current_password: present } : {}), new_password: fresh })),
    onSuccess: async () => {
      setOpened(false)
      setPresent('')
      setFresh('')
      toast({ tone: 'ok', title: 'Password changed. Other devices were signed out.', seconds: 6 })
      await client.invalidateQueries({ queryKey: ['account'] })
    },
  })
  const error = told(changing.error)
  const waits = useSecondsLeft(error) > 0
  if (!opened) {
    return (
      <Panel title="Password">
        <p className={classes.words}>
          {has
            ? 'A new password signs out every other device.'
            : 'You sign in without one. With a password you can also sign in when the other service is away.'}
        </p>
        <Button variant="default" onClick={() => setOpened(true)}>
          {has ? 'Change password' : 'Choose a password'}
        </Button>
      </Panel>
    )
  }
  return (
    <Panel title="Password">
      <form
        noValidate
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault()
          if (fresh && !changing.isPending && !waits) changing.mutate()
        }}
      >
        {/* For password managers: whose password this is. */}
        <input type="text" name="username" autoComplete="username" value={email} readOnly hidden />
        <Complaint error={besides(error, 'current_password', 'new_password')} />
        {has && (
          <PasswordField
            label="Present password"
            value={present}
            onChange={setPresent}
            error={fieldError(error, 'current_password')}
            autoFocus
          />
        )}
        <PasswordField
          label="New password"
          fresh
          value={fresh}
          onChange={setFresh}
          error={fieldError(error, 'new_password')}
          autoFocus={!has}
        />
        <div className={classes.buttons}>
          <Button type="submit" loading={changing.isPending} disabled={waits}>
            {has ? 'Change password' : 'Save password'}
          </Button>
          <Button variant="default" onClick={() => setOpened(false)}>
            Cancel
          </Button>
        </div>
      </form>
    </Panel>
  )
}
