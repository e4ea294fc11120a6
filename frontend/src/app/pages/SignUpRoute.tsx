import { getRouteApi } from '@tanstack/react-router'
import { SignUpPage } from '@/features/session/SignUpPage'
import { useTitle } from '@/shared/ui/useTitle'
import { useWayIn } from '../useWayIn'

const route = getRouteApi('/sign-up')

export function SignUpRoute() {
  const { next } = route.useSearch()
  const lead = useWayIn(next)
  useTitle('Create an account')
  return <SignUpPage next={next} onOutcome={lead} />
}
