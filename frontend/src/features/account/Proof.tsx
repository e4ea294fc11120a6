/** Before something sensitive the server wants to know again who this is: one dialog asks, then it is tried again. */

import { Button } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { createContext, useCallback, useContext, useState } from 'react'
import { type Proof, ProofNeeded } from '@/shared/api/accounts'
import { passkeysPossible } from '@/shared/passkeys'
import { CodeField, RecoveryCodeField } from '@/shared/ui/CodeField'
import { Complaint, useSecondsLeft } from '@/shared/ui/Complaint'
import { besides, Dialog, fieldError, Words } from '@/shared/ui/Dialog'
import { PasswordField } from '@/shared/ui/PasswordField'
import classes from './Account.module.css'
import { proveByCode, proveByPasskey, proveByPassword } from './queries'

/** The person didn't want to prove it: nothing was done, and nothing need be said. */
export class GaveUp extends Error {}

/** What to show of an error: nothing if the person gave up. */
export const told = (error: Error | null): Error | null => (error instanceof GaveUp ? null : error)

type Proven = <T>(ask: () => Promise<T>) => Promise<T>

const ProofContext = createContext<Proven | null>(null)

/** Wraps what the server may want a proof for. Throws GaveUp if the person closes the dialog. */
export function useProven(): Proven {
  const proven = useContext(ProofContext)
  if (!proven) throw new Error('useProven needs a ProofProvider around it')
  return proven
}

interface Question {
  ways: Proof[]
  settle: (proved: boolean) => void
}

export function ProofProvider({ children }: { children: React.ReactNode }) {
  const [question, setQuestion] = useState<Question | null>(null)
  const proven = useCallback<Proven>(async (ask) => {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof ProofNeeded)) throw error
      const proved = await new Promise<boolean>((settle) => setQuestion({ ways: error.ways, settle }))
      setQuestion(null)
      if (!proved) throw new GaveUp()
      return await ask()
    }
  }, [])
  return (
    <ProofContext.Provider value={proven}>
      {children}
      {question && <ProofDialog ways={question.ways} settle={question.settle} />}
    </ProofContext.Provider>
  )
}

const ASKS: Record<Proof, string> = {
  password: 'Use your password',
  totp: 'Use the code from your app',
  webauthn: 'Use a passkey',
  recovery_codes: 'Use a recovery code',
}

/** The shortest first. */
const ORDER: Proof[] = ['password', 'webauthn', 'totp', 'recovery_codes']

function ProofDialog({ ways, settle }: Question) {
  const usable = ORDER.filter((way) => ways.includes(way) && (way !== 'webauthn' || passkeysPossible()))
  const [way, setWay] = useState<Proof>(usable[0] ?? 'password')
  const [typed, setTyped] = useState('')
  const proving = useMutation({
    mutationFn: (words: string) => {
      if (way === 'webauthn') return proveByPasskey()
      return way === 'password' ? proveByPassword(words) : proveByCode(words)
    },
    onSuccess: () => settle(true),
  })
  const waits = useSecondsLeft(proving.error) > 0
  const prove = (words: string) => {
    if (!proving.isPending && !waits && (words || way === 'webauthn')) proving.mutate(words)
  }
  const wrong = fieldError(proving.error, way === 'password' ? 'password' : 'code')
  return (
    <Dialog
      title="Confirm that it is you"
      opened
      onClose={() => settle(false)}
      onSubmit={() => prove(typed)}
      submit={way === 'webauthn' ? 'Use passkey' : 'Continue'}
      pending={proving.isPending}
      disabled={waits}
    >
      <Words>This changes who can use your account. We ask again after five minutes.</Words>
      <Complaint error={besides(proving.error, 'password', 'code')} />
      {way === 'password' && <PasswordField value={typed} onChange={setTyped} error={wrong} autoFocus />}
      {way === 'totp' && (
        <CodeField
          label="Code"
          description="The six digits that your authenticator app shows."
          value={typed}
          onChange={setTyped}
          onComplete={prove}
          error={wrong}
        />
      )}
      {way === 'recovery_codes' && <RecoveryCodeField value={typed} onChange={setTyped} error={wrong} />}
      <div className={classes.ways}>
        {usable
          .filter((other) => other !== way)
          .map((other) => (
            <Button
              key={other}
              variant="subtle"
              size="compact-sm"
              onClick={() => {
                proving.reset()
                setTyped('')
                setWay(other)
              }}
            >
              {ASKS[other]}
            </Button>
          ))}
      </div>
    </Dialog>
  )
}
