/** Who is signed in, and the steps until somebody is. Signing in is django-allauth's, memberships are ours. */

import { type QueryClient, queryOptions } from '@tanstack/react-query'
import { accountAnswer, browser, type Outcome, type Pending, pendingIn, SIGNED_IN } from '@/shared/api/accounts'
import { answer, api, Problem, problemFrom, signInApi } from '@/shared/api/client'
import type { Me } from '@/shared/api/types'
import { provePasskey } from '@/shared/passkeys'

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

/** The step that somebody who isn't signed in yet stopped at, also after a reload. */
export const pendingQuery = queryOptions({
  queryKey: ['pending'],
  queryFn: async ({ signal }): Promise<Pending | null> => {
    const { error, response } = await signInApi.GET('/_allauth/{client}/v1/auth/session', { ...browser, signal })
    if (response.ok) return null
    if (response.status === 401) return pendingIn(error)
    throw problemFrom(response, error)
  },
  staleTime: Number.POSITIVE_INFINITY,
})

export interface Provider {
  id: string
  name: string
}

/** Other places where one can sign in, as far as this installation knows some. */
export const providersQuery = queryOptions({
  queryKey: ['providers'],
  queryFn: async ({ signal }): Promise<Provider[]> => {
    const { data } = await accountAnswer(signInApi.GET('/_allauth/{client}/v1/config', { ...browser, signal }))
    return (data.socialaccount?.providers ?? []).map(({ id, name }) => ({ id, name }))
  },
  staleTime: Number.POSITIVE_INFINITY,
})

/** What came of it: signed in, another step, or a Problem. */
function outcome({ error, response }: { error?: unknown; response: Response }, email: string | null = null): Outcome {
  if (response.ok) return SIGNED_IN
  const pending = response.status === 401 ? pendingIn(error, email) : null
  if (pending) return pending
  throw problemFrom(response, error)
}

/** Keeps what came of it where every page finds it. */
export async function settle(client: QueryClient, came: Outcome): Promise<void> {
  client.setQueryData(pendingQuery.queryKey, came === SIGNED_IN ? null : came)
  if (came === SIGNED_IN) await client.fetchQuery({ ...meQuery, staleTime: 0 })
}

export async function signIn(body: { email: string; password: string }): Promise<Outcome> {
  const said = await signInApi.POST('/_allauth/{client}/v1/auth/login', { ...browser, body })
  if (said.response.status === 409) return SIGNED_IN // in another tab
  return outcome(said, body.email)
}

export interface NewAccount {
  email: string
  password: string
  name: string
}

export async function signUp(body: NewAccount): Promise<Outcome> {
  const said = await signInApi.POST('/_allauth/{client}/v1/auth/signup', { ...browser, body })
  if (said.response.status === 409) return SIGNED_IN
  return outcome(said, body.email)
}

/** What a provider told about a person who has no account here, which isn't enough to make one. */
export const providerSignUpQuery = queryOptions({
  queryKey: ['provider-sign-up'],
  queryFn: async ({ signal }): Promise<{ email: string }> => {
    const { data } = await accountAnswer(
      signInApi.GET('/_allauth/{client}/v1/auth/provider/signup', { ...browser, signal }),
    )
    return { email: data.email[0]?.email ?? '' }
  },
  gcTime: 0,
})

export async function signUpWithProvider(body: { email: string }): Promise<Outcome> {
  return outcome(await signInApi.POST('/_allauth/{client}/v1/auth/provider/signup', { ...browser, body }), body.email)
}

/** Neither wrong nor right: too old, of another browser, or tried too often. */
export class CodeGone extends Error {}

/** The code from the e-mail. Throws CodeGone where only a new one helps. */
export async function verifyEmail(key: string): Promise<Outcome> {
  const said = await signInApi.POST('/_allauth/{client}/v1/auth/email/verify', { ...browser, body: { key } })
  if (said.response.status === 409) throw new CodeGone()
  return outcome(said)
}

/** Throws CodeGone if there is nothing to send again. */
export async function sendCodeAgain(): Promise<void> {
  const { error, response } = await signInApi.POST('/_allauth/{client}/v1/auth/email/verify/resend', browser)
  if (response.status === 409) throw new CodeGone()
  if (!response.ok) throw problemFrom(response, error)
}

/** A code from the app, or a recovery code. */
export async function secondStep(code: string): Promise<Outcome> {
  return outcome(await signInApi.POST('/_allauth/{client}/v1/auth/2fa/authenticate', { ...browser, body: { code } }))
}

/** A passkey as the second step. */
export async function secondStepWithPasskey(): Promise<Outcome> {
  const { data } = await accountAnswer(signInApi.GET('/_allauth/{client}/v1/auth/webauthn/authenticate', browser))
  const credential = await provePasskey(data.request_options)
  return outcome(
    await signInApi.POST('/_allauth/{client}/v1/auth/webauthn/authenticate', { ...browser, body: { credential } }),
  )
}

/** A passkey instead of address and password. */
export async function signInWithPasskey(): Promise<Outcome> {
  const { data } = await accountAnswer(signInApi.GET('/_allauth/{client}/v1/auth/webauthn/login', browser))
  const credential = await provePasskey(data.request_options)
  return outcome(
    await signInApi.POST('/_allauth/{client}/v1/auth/webauthn/login', { ...browser, body: { credential } }),
  )
}

/** The answer is the same whether or not there is such an account. */
export async function requestReset(email: string): Promise<void> {
  const { error, response } = await signInApi.POST('/_allauth/{client}/v1/auth/password/request', {
    ...browser,
    body: { email },
  })
  if (!response.ok && response.status !== 401) throw problemFrom(response, error)
}

/** Whose password the link changes; a Problem where it is too old or was used. */
export const resetQuery = (key: string) =>
  queryOptions({
    queryKey: ['reset-password', key],
    queryFn: async ({ signal }): Promise<{ email: string }> => {
      const { data } = await accountAnswer(
        signInApi.GET('/_allauth/{client}/v1/auth/password/reset', {
          params: { ...browser.params, header: { 'X-Password-Reset-Key': key } },
          signal,
        }),
      )
      return { email: data.user?.email ?? '' }
    },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  })

export async function resetPassword(body: { key: string; password: string }): Promise<void> {
  const { error, response } = await signInApi.POST('/_allauth/{client}/v1/auth/password/reset', { ...browser, body })
  // 401: it worked, and nobody is signed in.
  if (!response.ok && response.status !== 401) throw problemFrom(response, error)
}

async function endSession(): Promise<void> {
  const { error, response } = await signInApi.DELETE('/_allauth/{client}/v1/auth/session', browser)
  // 401 is the answer to a session that is over.
  if (response.status !== 401 && !response.ok) throw problemFrom(response, error)
}

/** Ends the session and forgets everything that was on the screen. */
export async function signOut(client: QueryClient): Promise<void> {
  await endSession()
  client.clear()
  client.setQueryData(meQuery.queryKey, null)
}

/** Gives up what was begun: back to address and password. */
export async function startOver(client: QueryClient): Promise<void> {
  await endSession()
  client.setQueryData(pendingQuery.queryKey, null)
}
