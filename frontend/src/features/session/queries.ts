/** Who is signed in. Signing in and out are django-allauth's, memberships and roles are ours. */

import { type QueryClient, queryOptions } from '@tanstack/react-query'
import { answer, api, Problem, problemFrom, signInApi } from '@/shared/api/client'
import type { Me } from '@/shared/api/types'

const browser = { params: { path: { client: 'browser' as const } } }

/** The person at this browser, or null if nobody is signed in. */
export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: async ({ signal }): Promise<Me | null> => {
    try {
      return (await answer(api.GET('/api/v1/me/', { signal }))) as Me
    } catch (error) {
      if (error instanceof Problem && error.status === 401) return null
      throw error
    }
  },
  staleTime: 5 * 60_000,
})

/** What is missing when the password was right but isn't enough, as a sentence. */
const PENDING: Record<string, string> = {
  verify_email: 'Confirm your e-mail address first: open the link that we have just sent you.',
  mfa_authenticate: "This account is protected by a second step, which this page can't ask for yet.",
}

export async function signIn(credentials: { email: string; password: string }): Promise<void> {
  const { error, response } = await signInApi.POST('/_allauth/{client}/v1/auth/login', {
    ...browser,
    body: credentials,
  })
  if (response.ok || response.status === 409) return // 409: already signed in, in another tab
  if (response.status === 401) {
    const flows = error && 'data' in error ? error.data.flows : []
    const pending = flows.find((flow) => 'is_pending' in flow && flow.is_pending)
    throw new Problem(401, 'pending', PENDING[pending?.id ?? ''] ?? 'This account needs another step to sign in.')
  }
  if (response.status === 429) {
    throw new Problem(429, 'too_many', 'Too many attempts. Wait a few minutes and try again.')
  }
  throw problemFrom(response, error)
}

/** Ends the session and forgets everything that was on the screen. */
export async function signOut(client: QueryClient): Promise<void> {
  const { error, response } = await signInApi.DELETE('/_allauth/{client}/v1/auth/session', browser)
  // 401 is the answer to a session that is over.
  if (response.status !== 401 && !response.ok) throw problemFrom(response, error)
  client.clear()
  client.setQueryData(meQuery.queryKey, null)
}
