/** The protocol of django-allauth: what it wants next before somebody is signed in, or before something sensitive. */

import { problemFrom } from './client'

export const browser = { params: { path: { client: 'browser' as const } } }

export type Factor = 'totp' | 'webauthn' | 'recovery_codes'
/** How somebody can prove once more who they are. */
export type Proof = 'password' | Factor

/** What is still missing before somebody is signed in. */
export type Pending =
  | { step: 'verify_email'; email: string | null }
  | { step: 'mfa_authenticate'; types: Factor[] }
  | { step: 'provider_signup'; provider: string }

export const SIGNED_IN = 'signed in'
/** What came of an attempt to sign in or up: done, or another step. */
export type Outcome = typeof SIGNED_IN | Pending

interface Flow {
  id: string
  is_pending?: boolean
  types?: Factor[]
  provider?: { name?: string }
}

/** The server wants to know again who this is; the request can be repeated afterwards. */
export class ProofNeeded extends Error {
  readonly ways: Proof[]

  constructor(ways: Proof[]) {
    super('Confirm that it is you.')
    this.name = 'ProofNeeded'
    this.ways = ways
  }
}

function flowsOf(body: unknown): Flow[] {
  const data = (body as { data?: { flows?: unknown } } | undefined)?.data
  return Array.isArray(data?.flows) ? (data.flows as Flow[]) : []
}

/** The step that the server waits for, if it waits for one. */
export function pendingIn(body: unknown, email: string | null = null): Pending | null {
  const flow = flowsOf(body).find(({ is_pending }) => is_pending)
  if (flow?.id === 'verify_email') return { step: 'verify_email', email }
  if (flow?.id === 'mfa_authenticate') return { step: 'mfa_authenticate', types: flow.types ?? ['totp'] }
  if (flow?.id === 'provider_signup') {
    return { step: 'provider_signup', provider: flow.provider?.name ?? 'your provider' }
  }
  return null
}

function waysIn(body: unknown): Proof[] {
  return flowsOf(body).flatMap(({ id, types }): Proof[] => {
    if (id === 'reauthenticate') return ['password']
    return id === 'mfa_reauthenticate' ? (types ?? ['totp']) : []
  })
}

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The body of a good answer. Throws ProofNeeded, or a Problem for any other refusal. */
export async function accountAnswer<T>(asked: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await asked
  if (response.ok) return data as T
  const ways = response.status === 401 ? waysIn(error) : []
  throw ways.length > 0 ? new ProofNeeded(ways) : problemFrom(response, error)
}
