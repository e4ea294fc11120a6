import { getRouteApi, useRouter } from '@tanstack/react-router'
import { SignInPage } from '@/features/session/SignInPage'
import { useTitle } from '@/shared/ui/useTitle'

const route = getRouteApi('/sign-in')

export function SignInRoute() {
  const router = useRouter()
  const { next } = route.useSearch()
  useTitle('Sign in')
  return <SignInPage onSignedIn={() => router.history.push(next ?? '/')} />
}
