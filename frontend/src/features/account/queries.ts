/** The own account: what is known of it, and each change. Signing in is looked after by django-allauth. */

import { queryOptions } from '@tanstack/react-query'
import { accountAnswer, browser } from '@/shared/api/accounts'
import type { components } from '@/shared/api/allauth'
import { answer, api, Problem, problemFrom, signInApi } from '@/shared/api/client'
import type { Me } from '@/shared/api/types'
import { makePasskey, provePasskey } from '@/shared/passkeys'

type Schemas = components['schemas']
export type Address = Schemas['EmailAddress']
export type Passkey = Schemas['WebAuthnAuthenticator']
export type Authenticator = Schemas['AuthenticatorList'][number]
export type Session = Schemas['Session']

export const changeMe = (body: {
  name?: string
  time_zone?: string
  temperature_unit?: Me['temperature_unit']
}): Promise<Me> => answer(api.PATCH('/api/v1/me/', { body })) as Promise<Me>

// --- addresses ---

/** The sign-in address, and a new one that waits to be confirmed. */
export const addressesQuery = queryOptions({
  queryKey: ['account', 'addresses'],
  queryFn: async ({ signal }): Promise<Address[]> =>
    (await accountAnswer(signInApi.GET('/_allauth/{client}/v1/account/email', { ...browser, signal }))).data,
})

/** Sends a code to the new address, which replaces the old one once the code is typed. */
export const changeAddress = (email: string): Promise<unknown> =>
  accountAnswer(signInApi.POST('/_allauth/{client}/v1/account/email', { ...browser, body: { email } }))

export const dropAddress = (email: string): Promise<unknown> =>
  accountAnswer(signInApi.DELETE('/_allauth/{client}/v1/account/email', { ...browser, body: { email } }))

export const sendAddressCode = (): Promise<unknown> =>
  accountAnswer(signInApi.POST('/_allauth/{client}/v1/auth/email/verify/resend', browser))

export const confirmAddress = (key: string): Promise<unknown> =>
  accountAnswer(signInApi.POST('/_allauth/{client}/v1/auth/email/verify', { ...browser, body: { key } }))

// --- password ---

/** Whether the account has a password: people who came by another provider may have none. */
export const hasPasswordQuery = queryOptions({
  queryKey: ['account', 'password'],
  queryFn: async ({ signal }): Promise<boolean> => {
    const { data } = await accountAnswer(signInApi.GET('/_allauth/{client}/v1/auth/session', { ...browser, signal }))
    return data.user.has_usable_password !== false
  },
})

export const changePassword = (body: { current_password?: string; new_password: string }): Promise<unknown> =>
  accountAnswer(signInApi.POST('/_allauth/{client}/v1/account/password/change', { ...browser, body }))

// --- second factors ---

export const authenticatorsQuery = queryOptions({
  queryKey: ['account', 'authenticators'],
  queryFn: async ({ signal }): Promise<Authenticator[]> =>
    (await accountAnswer(signInApi.GET('/_allauth/{client}/v1/account/authenticators', { ...browser, signal }))).data,
})

export interface AppSecret {
  secret: string
  /** What the QR code says. */
  url: string
}

/** A new secret for an authenticator app. It counts for nothing until a code made with it is sent. */
export async function beginApp(): Promise<AppSecret> {
  // Asked first: this is refused until the person has proved who they are, so nobody scans a code in vain.
  await accountAnswer(signInApi.GET('/_allauth/{client}/v1/account/authenticators/webauthn', browser))
  const { error, response } = await signInApi.GET('/_allauth/{client}/v1/account/authenticators/totp', browser)
  const meta = (error as { meta?: { secret?: string; totp_url?: string } } | undefined)?.meta
  if (response.status === 404 && meta?.secret && meta.totp_url) return { secret: meta.secret, url: meta.totp_url }
  if (response.ok) throw new Problem(409, 'on_already', 'An authenticator app is set up already. Reload this page.')
  throw problemFrom(response, error)
}

export const activateApp = (code: string): Promise<unknown> =>
  accountAnswer(signInApi.POST('/_allauth/{client}/v1/account/authenticators/totp', { ...browser, body: { code } }))

export const removeApp = (): Promise<unknown> =>
  accountAnswer(signInApi.DELETE('/_allauth/{client}/v1/account/authenticators/totp', browser))

/** Those that weren't used yet. The server shows them once: null afterwards. */
export async function showRecoveryCodes(): Promise<string[] | null> {
  const { data } = await accountAnswer(
    signInApi.GET('/_allauth/{client}/v1/account/authenticators/recovery-codes', browser),
  )
  return data.unused_codes ?? null
}

/** Ten new ones; the old ones are void. */
export async function newRecoveryCodes(): Promise<string[]> {
  const said = await accountAnswer(
    signInApi.POST('/_allauth/{client}/v1/account/authenticators/recovery-codes', { ...browser }),
  )
  return (said as { data: { unused_codes: string[] } }).data.unused_codes
}

/** Makes a passkey; true if recovery codes were made with it, since it is the first second factor. */
export async function addPasskey(name: string): Promise<boolean> {
  const { data } = await accountAnswer(
    signInApi.GET('/_allauth/{client}/v1/account/authenticators/webauthn', {
      // With it the passkey can stand for address and password.
      params: { ...browser.params, query: { passwordless: true } },
    }),
  )
  const credential = await makePasskey(data.creation_options)
  const { meta } = await accountAnswer(
    signInApi.POST('/_allauth/{client}/v1/account/authenticators/webauthn', {
      ...browser,
      body: { name, credential },
    }),
  )
  return meta?.recovery_codes_generated ?? false
}

export const renamePasskey = (id: number, name: string): Promise<unknown> =>
  accountAnswer(
    signInApi.PUT('/_allauth/{client}/v1/account/authenticators/webauthn', { ...browser, body: { id, name } }),
  )

export const removePasskey = (id: number): Promise<unknown> =>
  accountAnswer(
    signInApi.DELETE('/_allauth/{client}/v1/account/authenticators/webauthn', {
      ...browser,
      body: { authenticators: [id] },
    }),
  )

// --- proving once more who one is ---

export const proveByPassword = (password: string): Promise<unknown> =>
  accountAnswer(signInApi.POST('/_allauth/{client}/v1/auth/reauthenticate', { ...browser, body: { password } }))

export const proveByCode = (code: string): Promise<unknown> =>
  accountAnswer(signInApi.POST('/_allauth/{client}/v1/auth/2fa/reauthenticate', { ...browser, body: { code } }))

export async function proveByPasskey(): Promise<unknown> {
  const { data } = await accountAnswer(signInApi.GET('/_allauth/{client}/v1/auth/webauthn/reauthenticate', browser))
  const credential = await provePasskey(data.request_options)
  return accountAnswer(
    signInApi.POST('/_allauth/{client}/v1/auth/webauthn/reauthenticate', { ...browser, body: { credential } }),
  )
}

// --- sessions ---

/** Every browser in which the person is signed in; the newest first. */
export const sessionsQuery = queryOptions({
  queryKey: ['account', 'sessions'],
  queryFn: async ({ signal }): Promise<Session[]> => {
    const { data } = await accountAnswer(signInApi.GET('/_allauth/{client}/v1/auth/sessions', { ...browser, signal }))
    const seen = (session: Session) => (session.is_current ? Number.POSITIVE_INFINITY : lastSeen(session))
    return [...data].sort((one, other) => seen(other) - seen(one))
  },
})

/** In ms since 1970, as ages are counted. */
export const lastSeen = ({ last_seen_at, created_at }: Session): number => (last_seen_at ?? created_at) * 1000

export const endSessions = (ids: number[]): Promise<unknown> =>
  accountAnswer(signInApi.DELETE('/_allauth/{client}/v1/auth/sessions', { ...browser, body: { sessions: ids } }))
