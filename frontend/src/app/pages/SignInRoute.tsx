import { getRouteApi } from '@tanstack/react-router'
import { SignInPage } from '@/features/session/SignInPage'
import { useTitle } from '@/shared/ui/useTitle'
import { useWayIn } from '../useWayIn'

const route = getRouteApi('/sign-in')

export function SignInRoute() {
  const { next, error } = route.useSearch()
  const lead = useWayIn(next)
  useTitle('Sign in')
  return <SignInPage next={next} refusal={error} onOutcome={lead} />
}
