import { useNavigate, useRouter } from '@tanstack/react-router'
import { type Outcome, SIGNED_IN } from '@/shared/api/accounts'

/** Leads on after a step of signing in: to where the person wanted to go, or to the next step. */
export function useWayIn(next: string | undefined): (came: Outcome) => void {
  const router = useRouter()
  const navigate = useNavigate()
  return (came) => {
    if (came === SIGNED_IN) router.history.push(next ?? '/')
    else if (came.step === 'verify_email') void navigate({ to: '/verify-email', search: { next } })
    // The other steps are asked by the sign-in page itself.
    else void navigate({ to: '/sign-in', search: { next }, replace: true })
  }
}
