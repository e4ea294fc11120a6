import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Outcome } from '@/shared/api/accounts'
import { Problem } from '@/shared/api/client'
import { Complaint } from '@/shared/ui/Complaint'
import { Entrance } from './Entrance'
import classes from './Entrance.module.css'
import { ProviderSignUp } from './ProviderSignUp'
import { pendingQuery, startOver } from './queries'
import { SecondStep } from './SecondStep'
import { SignInForm } from './SignInForm'

interface Props {
  /** Where the person wanted to go. */
  next: string | undefined
  /** What a provider, to which the person was sent, said when it sent them back. */
  refusal: string | undefined
  onOutcome: (came: Outcome) => void
}

const REFUSALS: Record<string, string> = {
  cancelled: 'You cancelled there. Sign in another way, or try again.',
  denied: 'It was refused there. Sign in another way, or try again.',
}

/** Asks who it is, in as many steps as the account needs. */
export function SignInPage({ next, refusal, onOutcome }: Props) {
  const client = useQueryClient()
  const pending = useQuery(pendingQuery).data
  if (pending?.step === 'mfa_authenticate') {
    return <SecondStep types={pending.types} onOutcome={onOutcome} onStartOver={() => void startOver(client)} />
  }
  if (pending?.step === 'provider_signup') {
    return (
      <ProviderSignUp provider={pending.provider} onOutcome={onOutcome} onStartOver={() => void startOver(client)} />
    )
  }
  return (
    <Entrance
      title="Sign in to FreshTrack"
      words="Every cooler, freezer and vaccine fridge, watched around the clock."
      foot={
        <>
          <Link to="/sign-up" search={{ next }}>
            Create an account
          </Link>
          <Link to="/forgot-password">Forgot your password?</Link>
        </>
      }
    >
      {refusal && (
        <div className={classes.form}>
          <Complaint
            error={
              new Problem(
                400,
                refusal,
                REFUSALS[refusal] ?? "Signing in there didn't work. Try again, or sign in another way.",
              )
            }
          />
        </div>
      )}
      <SignInForm next={next} onOutcome={onOutcome} />
    </Entrance>
  )
}
