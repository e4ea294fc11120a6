import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Factor, Outcome } from '@/shared/api/accounts'
import { Problem } from '@/shared/api/client'
import { passkeysPossible } from '@/shared/passkeys'
import { CodeField, RecoveryCodeField } from '@/shared/ui/CodeField'
import { Complaint, useSecondsLeft } from '@/shared/ui/Complaint'
import { besides, fieldError } from '@/shared/ui/Dialog'
import { IconKey } from '@/shared/ui/icons'
import { Entrance } from './Entrance'
import classes from './Entrance.module.css'
import { secondStep, secondStepWithPasskey, settle } from './queries'

interface Props {
  types: Factor[]
  onOutcome: (came: Outcome) => void
  onStartOver: () => void
}

const TITLE: Record<Factor, string> = {
  totp: 'Enter the code from your app',
  webauthn: 'Use your passkey',
  recovery_codes: 'Use a recovery code',
}

const WORDS: Record<Factor, string> = {
  totp: 'Open your authenticator app and type the six digits it shows for FreshTrack.',
  webauthn: 'This account asks for a passkey after the password.',
  recovery_codes: 'For the day the phone is lost. Set up a new app or passkey afterwards.',
}

/** The password was right; this account asks for one thing more. */
export function SecondStep({ types, onOutcome, onStartOver }: Props) {
  const client = useQueryClient()
  const usable = types.filter((type) => type !== 'webauthn' || passkeysPossible())
  const [way, setWay] = useState<Factor>(
    usable.includes('totp') ? 'totp' : usable.includes('webauthn') ? 'webauthn' : 'recovery_codes',
  )
  const [code, setCode] = useState('')
  const proving = useMutation({
    mutationFn: (typed: string | null) => (typed === null ? secondStepWithPasskey() : secondStep(typed)),
    onSuccess: async (came) => {
      await settle(client, came)
      onOutcome(came)
    },
  })
  const waits = useSecondsLeft(proving.error) > 0
  const gone = proving.error instanceof Problem && proving.error.status === 409
  const change = (to: Factor) => {
    proving.reset()
    setCode('')
    setWay(to)
  }
  const prove = (typed: string | null) => {
    if (!proving.isPending && !waits) proving.mutate(typed)
  }
  const wrong = fieldError(proving.error, 'code')
  return (
    <Entrance
      title={TITLE[way]}
      words={WORDS[way]}
      foot={
        <>
          {usable
            .filter((type) => type !== way)
            .map((type) => (
              <button key={type} type="button" onClick={() => change(type)}>
                {type === 'totp' && 'Use the code from your app'}
                {type === 'webauthn' && 'Use your passkey'}
                {type === 'recovery_codes' && 'Use a recovery code instead'}
              </button>
            ))}
          <button type="button" onClick={onStartOver}>
            Sign in as somebody else
          </button>
        </>
      }
    >
      <form
        noValidate
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault()
          if (way === 'webauthn') prove(null)
          else if (code) prove(code)
        }}
      >
        <Complaint
          error={
            gone ? new Problem(409, 'too_late', 'That took too long. Sign in again.') : besides(proving.error, 'code')
          }
        />
        {way === 'totp' && <CodeField label="Code" value={code} onChange={setCode} onComplete={prove} error={wrong} />}
        {way === 'recovery_codes' && <RecoveryCodeField value={code} onChange={setCode} error={wrong} />}
        {gone ? (
          <Button size="md" fullWidth onClick={onStartOver}>
            Sign in again
          </Button>
        ) : (
          <Button
            type="submit"
            size="md"
            fullWidth
            loading={proving.isPending}
            disabled={waits}
            leftSection={way === 'webauthn' ? <IconKey size={20} /> : undefined}
          >
            {way === 'webauthn' ? 'Use passkey' : 'Continue'}
          </Button>
        )}
      </form>
    </Entrance>
  )
}
