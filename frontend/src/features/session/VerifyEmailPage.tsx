import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import type { Outcome } from '@/shared/api/accounts'
import { CODE_LENGTH, CodeField } from '@/shared/ui/CodeField'
import { Complaint, useSecondsLeft } from '@/shared/ui/Complaint'
import { besides, fieldError } from '@/shared/ui/Dialog'
import { Entrance } from './Entrance'
import classes from './Entrance.module.css'
import { CodeGone, pendingQuery, sendCodeAgain, settle, verifyEmail } from './queries'
import { SendAgain } from './SendAgain'

interface Props {
  /** The code, when the link in the e-mail was opened. */
  code: string | undefined
  next: string | undefined
  /** Somebody who is signed in confirms another address. */
  signedIn: boolean
  onOutcome: (came: Outcome) => void
  /** Gives the address up, to type another. */
  onOther: () => void
}

/** Asks for the code that was sent to the address; the link in the same e-mail hands it in by itself. */
export function VerifyEmailPage({ code: given = '', next, signedIn, onOutcome, onOther }: Props) {
  const client = useQueryClient()
  const pending = useQuery(pendingQuery).data
  const email = pending?.step === 'verify_email' ? pending.email : null
  const [code, setCode] = useState(given)
  const verifying = useMutation({
    mutationFn: verifyEmail,
    onSuccess: async (came) => {
      await settle(client, came)
      onOutcome(came)
    },
  })
  const again = useMutation({ mutationFn: sendCodeAgain, onSuccess: () => setCode('') })
  const { mutate } = verifying
  const handed = useRef(false)
  useEffect(() => {
    if (given.length !== CODE_LENGTH || handed.current) return
    handed.current = true
    mutate(given)
  }, [given, mutate])
  const waits = useSecondsLeft(verifying.error) > 0
  const gone = [verifying.error, again.error].some((error) => error instanceof CodeGone)
  if (gone) return signedIn ? <Done onOther={onOther} /> : <Gone code={given} next={next} onOther={onOther} />
  return (
    <Entrance
      title="Check your e-mail"
      words={
        <>
          We have sent a code of six digits to {email ? <strong>{email}</strong> : 'your address'}. It is good for 15
          minutes. Look among unwanted mail too.
        </>
      }
      foot={
        <>
          <SendAgain onAgain={() => again.mutate()} pending={again.isPending}>
            Send a new code
          </SendAgain>
          <button type="button" onClick={onOther}>
            {signedIn ? 'Back to your account' : 'Use another address'}
          </button>
        </>
      }
    >
      <form
        noValidate
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault()
          if (code && !verifying.isPending && !waits) verifying.mutate(code)
        }}
      >
        <Complaint error={besides(verifying.error, 'key') ?? again.error} />
        {again.isSuccess && !verifying.error && <p role="status">A new code is on its way. The old one is void.</p>}
        <CodeField
          label="Code from the e-mail"
          value={code}
          onChange={setCode}
          onComplete={(typed) => {
            if (!waits) verifying.mutate(typed)
          }}
          error={fieldError(verifying.error, 'key')}
          disabled={verifying.isPending}
        />
        <Button type="submit" size="md" fullWidth loading={verifying.isPending} disabled={waits}>
          Confirm address
        </Button>
      </form>
    </Entrance>
  )
}

/** A signed-in person opens an old link: most likely it did its work. */
function Done({ onOther }: { onOther: () => void }) {
  return (
    <Entrance
      title="This link has nothing to do any more"
      words="It was used already, or is too old. Your account page says which address is yours."
    >
      <Button size="md" fullWidth onClick={onOther}>
        Go to your account
      </Button>
    </Entrance>
  )
}

/** Codes are bound to the browser that asked for them, work once and soon end. */
function Gone({ code, next, onOther }: { code: string; next: string | undefined; onOther: () => void }) {
  return (
    <Entrance
      title="This code doesn't work here"
      words={
        code
          ? 'It was used already, is too old, or was asked for in another browser or on another device.'
          : 'It is too old, or was typed wrong too often. Nothing is lost: a new one comes with your next sign-in.'
      }
      foot={
        <button type="button" onClick={onOther}>
          Sign up again
        </button>
      }
    >
      {code && (
        <div className={classes.facts}>
          <p>
            Type <strong className="numbers">{code}</strong> where you signed up.
          </p>
          <p>Or sign in here: if your address still needs it, we send a new code.</p>
        </div>
      )}
      <Button renderRoot={(props) => <Link to="/sign-in" search={{ next }} {...props} />} size="md" fullWidth>
        Sign in
      </Button>
    </Entrance>
  )
}
