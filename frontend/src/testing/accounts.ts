/** The part of the tests' backend that signs people in and looks after their own account, as django-allauth does. */

import { HttpResponse, http } from 'msw'
import type { components } from '@/shared/api/allauth'
import type { Me } from '@/shared/api/types'
import { HERE, page, problem } from './answers'
import { ago, aMe } from './make'

type Schemas = components['schemas']
type Flow = { id: string; is_pending?: boolean; types?: string[] }

export interface AccountBackend {
  password: string
  /** What signing in stops at, until its code is sent. */
  step: 'verify_email' | 'mfa_authenticate' | null
  /** Codes that are right: of the app, of an e-mail, for recovery. */
  codes: string[]
  /** Codes that may still be tried; at 0 they are void, as with allauth. */
  tries: number
  /** Seconds that everybody must wait before the next attempt; 0: none. */
  busy: number
  providers: { id: string; name: string }[]
  /** Whether the person proved a short while ago who they are. */
  proved: boolean
  factors: string[]
  authenticators: Schemas['AuthenticatorList']
  addresses: Schemas['EmailAddress'][]
  sessions: Schemas['Session'][]
  tokens: Record<string, unknown>[]
  invitation: Record<string, unknown> | null
}

export const noAccounts = (): AccountBackend => ({
  password: 'right horse battery',
  step: null,
  codes: ['123456'],
  tries: 3,
  busy: 0,
  providers: [],
  proved: false,
  factors: ['totp', 'recovery_codes'],
  authenticators: [],
  addresses: [{ email: 'chef@example.com', primary: true, verified: true }],
  sessions: [],
  tokens: [],
  invitation: null,
})

/** What these handlers read and change. */
interface State extends AccountBackend {
  me: Me | null
  posted: Record<string, unknown>
}

const AUTH = `${HERE}/_allauth/browser/v1/auth`
const ACCOUNT = `${HERE}/_allauth/browser/v1/account`
const RECOVERY = ['1a2b3c4d', '5e6f7a8b']

const ok = (data: unknown = {}, meta: unknown = {}) => HttpResponse.json({ status: 200, data, meta })
const conflict = () => HttpResponse.json({ status: 409 }, { status: 409 })
const unauthorized = (flows: Flow[], signedIn = false) =>
  HttpResponse.json({ status: 401, data: { flows }, meta: { is_authenticated: signedIn } }, { status: 401 })
const mistake = (param: string, message: string, code = 'invalid') =>
  HttpResponse.json({ status: 400, errors: [{ param, message, code }] }, { status: 400 })
const tooFast = (seconds: number) =>
  HttpResponse.json(
    { status: 429, code: 'throttled', detail: `Too many attempts. Try again in ${seconds} s.` },
    { status: 429, headers: { 'Retry-After': String(seconds) } },
  )
/** Every field that was sent; one that wasn't is empty. */
const bodyOf = async (request: Request) =>
  new Proxy((await request.json()) as Record<Field, string>, { get: (sent, field: Field) => sent[field] ?? '' })

type Field = 'email' | 'password' | 'current_password' | 'new_password' | 'code' | 'key' | 'name'

export function accountHandlers(backend: State) {
  const someone = backend.me ?? aMe()
  const pending = (): Flow[] => {
    if (!backend.step) return [{ id: 'login' }]
    const types = backend.step === 'mfa_authenticate' ? { types: backend.factors } : {}
    return [{ id: 'login' }, { id: backend.step, is_pending: true, ...types }]
  }
  const enter = () => {
    backend.step = null
    backend.me = someone
    return ok({ user: { email: someone.email, has_usable_password: true }, methods: [] })
  }
  return [
    ...entering(backend, { pending, enter, waits: backend.step }),
    ...resetting(backend),
    ...changing(backend),
    ...inviting(backend),
    http.get(`${HERE}/api/v1/me/`, () =>
      backend.me ? HttpResponse.json(backend.me) : problem(401, 'not_authenticated', 'Sign in first.'),
    ),
    http.patch(`${HERE}/api/v1/me/`, async ({ request }) => {
      backend.posted.me = await bodyOf(request)
      backend.me = { ...someone, ...(backend.posted.me as Partial<Me>) }
      return HttpResponse.json(backend.me)
    }),
  ]
}

interface Moves {
  pending: () => Flow[]
  enter: () => Response
  waits: AccountBackend['step']
}

/** Signing in and up, step by step. */
function entering(backend: State, { pending, enter, waits }: Moves) {
  // Nothing is pending until somebody has begun.
  backend.step = null
  const begin = () => {
    backend.step = waits
    return waits ? unauthorized(pending()) : enter()
  }
  const check =
    (step: AccountBackend['step'], field: Field) =>
    async ({ request }: { request: Request }) => {
      const typed = (await bodyOf(request))[field]
      if (backend.busy) return tooFast(backend.busy)
      if (backend.me) {
        // Somebody who is signed in confirms another address.
        if (!backend.codes.includes(typed)) return mistake(field, 'This code is wrong.', 'incorrect_code')
        backend.addresses = backend.addresses.filter(({ verified }) => !verified)
        backend.addresses = backend.addresses.map((address) => ({ ...address, primary: true, verified: true }))
        return ok()
      }
      if (backend.step !== step || backend.tries <= 0) return conflict()
      if (backend.codes.includes(typed)) return enter()
      backend.tries -= 1
      return mistake(field, 'This code is wrong.', 'incorrect_code')
    }
  return [
    http.get(`${AUTH}/session`, () => {
      // biome-ignore lint/suspicious/noDocumentCookie: as the server's Set-Cookie does
      document.cookie = 'csrftoken=token-from-server'
      if (!backend.me) return unauthorized(pending())
      return ok({ user: { email: backend.me.email, has_usable_password: true }, methods: [] })
    }),
    http.get(`${HERE}/_allauth/browser/v1/config`, () => ok({ socialaccount: { providers: backend.providers } })),
    http.post(`${AUTH}/login`, async ({ request }) => {
      const { email, password } = await bodyOf(request)
      backend.posted.login = { email, password, csrf: request.headers.get('X-CSRFToken') }
      if (backend.busy) return tooFast(backend.busy)
      if (password === backend.password) return begin()
      return mistake('password', 'This address and password don’t belong together.', 'email_password_mismatch')
    }),
    http.post(`${AUTH}/signup`, async ({ request }) => {
      const body = await bodyOf(request)
      backend.posted.signup = body
      if (body.password.length < 10) {
        return mistake('password', 'This password is too short.', 'password_too_short')
      }
      return begin()
    }),
    http.post(`${AUTH}/email/verify`, check('verify_email', 'key')),
    http.post(`${AUTH}/email/verify/resend`, () => {
      if (!backend.step && !backend.me) return conflict()
      backend.posted.resend = true
      return ok()
    }),
    http.post(`${AUTH}/2fa/authenticate`, check('mfa_authenticate', 'code')),
    http.delete(`${AUTH}/session`, () => {
      backend.me = null
      backend.step = null
      return unauthorized([{ id: 'login' }])
    }),
  ]
}

const KEY = 'right-key'

/** A forgotten password. */
function resetting(backend: State) {
  const stale = () => mistake('key', 'This link is too old or was used already.', 'invalid_password_reset')
  return [
    http.post(`${AUTH}/password/request`, async ({ request }) => {
      backend.posted.forgotten = await bodyOf(request)
      return backend.busy ? tooFast(backend.busy) : ok()
    }),
    http.get(`${AUTH}/password/reset`, ({ request }) =>
      request.headers.get('X-Password-Reset-Key') === KEY ? ok({ user: { email: 'chef@example.com' } }) : stale(),
    ),
    http.post(`${AUTH}/password/reset`, async ({ request }) => {
      const { key, password } = await bodyOf(request)
      if (key !== KEY) return stale()
      if (password.length < 10) return mistake('password', 'This password is too short.')
      backend.password = password
      return unauthorized([{ id: 'login' }])
    }),
  ]
}

/** The account of somebody who is signed in. What is sensitive asks first for a proof. */
function changing(backend: State) {
  const sensitive =
    (change: (request: Request) => Promise<Response> | Response) =>
    async ({ request }: { request: Request }) =>
      backend.proved ? change(request) : unauthorized([{ id: 'reauthenticate' }], true)
  const prove =
    (right: (body: Record<Field, string>) => boolean, field: string) =>
    async ({ request }: { request: Request }) => {
      if (!right(await bodyOf(request))) return mistake(field, 'This is wrong.')
      backend.proved = true
      return ok()
    }
  const without = (type: string) => backend.authenticators.filter((each) => each.type !== type)
  const moment = { created_at: Date.parse(ago(60)) / 1000, last_used_at: null as unknown as number }
  const codes = { type: 'recovery_codes' as const, total_code_count: 2, unused_code_count: 2, ...moment }
  return [
    http.post(
      `${AUTH}/reauthenticate`,
      prove(({ password }) => password === backend.password, 'password'),
    ),
    http.post(
      `${AUTH}/2fa/reauthenticate`,
      prove(({ code }) => backend.codes.includes(code), 'code'),
    ),
    http.get(`${ACCOUNT}/authenticators`, () => ok(backend.authenticators)),
    http.get(
      `${ACCOUNT}/authenticators/webauthn`,
      sensitive(() => ok({ creation_options: { publicKey: {} } })),
    ),
    http.get(`${ACCOUNT}/authenticators/totp`, () =>
      HttpResponse.json(
        { status: 404, meta: { secret: 'JBSWY3DPEHPK3PXP', totp_url: 'otpauth://totp/FreshTrack?secret=JBSWY3DP' } },
        { status: 404 },
      ),
    ),
    http.post(
      `${ACCOUNT}/authenticators/totp`,
      sensitive(async (request) => {
        const { code } = await bodyOf(request)
        if (!backend.codes.includes(code)) return mistake('code', 'This code is wrong.', 'incorrect_code')
        backend.authenticators = [{ type: 'totp', ...moment }, codes]
        return ok()
      }),
    ),
    http.delete(
      `${ACCOUNT}/authenticators/totp`,
      sensitive(() => {
        backend.authenticators = without('totp')
        return ok()
      }),
    ),
    http.get(
      `${ACCOUNT}/authenticators/recovery-codes`,
      sensitive(() => ok({ ...codes, unused_codes: RECOVERY })),
    ),
    http.post(
      `${ACCOUNT}/authenticators/recovery-codes`,
      sensitive(() => {
        backend.authenticators = [...without('recovery_codes'), codes]
        return ok({ ...codes, unused_codes: RECOVERY })
      }),
    ),
    http.get(`${ACCOUNT}/email`, () => ok(backend.addresses)),
    http.post(
      `${ACCOUNT}/email`,
      sensitive(async (request) => {
        const { email } = await bodyOf(request)
        backend.addresses = [...backend.addresses, { email, primary: false, verified: false }]
        return ok(backend.addresses)
      }),
    ),
    http.delete(
      `${ACCOUNT}/email`,
      sensitive(() => {
        backend.addresses = backend.addresses.filter(({ verified }) => verified)
        return ok(backend.addresses)
      }),
    ),
    http.post(`${ACCOUNT}/password/change`, async ({ request }) => {
      const { current_password, new_password } = await bodyOf(request)
      if (current_password !== backend.password) {
        return mistake('current_password', 'This isn’t your present password.', 'enter_current_password')
      }
      backend.password = new_password
      return ok()
    }),
    http.get(`${AUTH}/sessions`, () => ok(backend.sessions)),
    http.delete(`${AUTH}/sessions`, async ({ request }) => {
      const { sessions } = (await request.json()) as { sessions: number[] }
      backend.sessions = backend.sessions.filter(({ id }) => !sessions.includes(id))
      return ok(backend.sessions)
    }),
    http.get(`${HERE}/api/v1/me/access-tokens/`, ({ request }) => page(request, backend.tokens, [])),
    http.post(`${HERE}/api/v1/me/access-tokens/`, async ({ request }) => {
      const body = await bodyOf(request)
      backend.posted.token = body
      const token = { id: 't-1', prefix: 'ftp_1234', created_at: ago(0), last_used_at: null, revoked_at: null, ...body }
      backend.tokens = [token]
      return HttpResponse.json({ ...token, token: 'ftp_1234567890' }, { status: 201 })
    }),
    http.delete(`${HERE}/api/v1/me/access-tokens/:id/`, ({ params }) => {
      backend.tokens = backend.tokens.filter(({ id }) => id !== params.id)
      return new HttpResponse(null, { status: 204 })
    }),
  ]
}

/** The link of an invitation. */
function inviting(backend: State) {
  return [
    http.post(`${HERE}/api/v1/invitations/look-up/`, () =>
      backend.invitation
        ? HttpResponse.json(backend.invitation)
        : problem(404, 'not_found', 'There is nothing at this address.'),
    ),
    http.post(`${HERE}/api/v1/invitations/accept/`, async ({ request }) => {
      backend.posted.accepted = await bodyOf(request)
      if (backend.invitation?.state !== 'pending') {
        return problem(409, 'invitation_used', 'This invitation was accepted already. A link works once.')
      }
      return HttpResponse.json(backend.me?.memberships[0])
    }),
  ]
}
