import { Link } from '@tanstack/react-router'
import type { Outcome } from '@/shared/api/accounts'
import { Entrance } from './Entrance'
import { ProviderButtons } from './ProviderButtons'
import { SignUpForm } from './SignUpForm'

/** A new account; the address is confirmed next. */
export function SignUpPage({ next, onOutcome }: { next: string | undefined; onOutcome: (came: Outcome) => void }) {
  return (
    <Entrance
      title="Create your account"
      words="Begin an organization of your own, or join one that invites you."
      foot={
        <Link to="/sign-in" search={{ next }}>
          Have an account? Sign in
        </Link>
      }
    >
      <SignUpForm onOutcome={onOutcome} />
      <ProviderButtons next={next} />
    </Entrance>
  )
}
