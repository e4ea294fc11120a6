/** The one door to the backend: typed by its own description, with errors that a person can read. */

import createClient, { type Middleware } from 'openapi-fetch'
import type { paths as SignInPaths } from './allauth'
import type { paths } from './schema'

export interface FieldError {
  field: string
  code: string
  detail: string
}

/** What went wrong, said by the server (RFC 9457) or by us if it couldn't speak. `status` 0: it wasn't reached. */
export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly fields: FieldError[]
  readonly requestId: string | null
  /** Seconds after which the server will listen again, if it said so. */
  readonly retryAfter: number | null
  /** When it was said: `retryAfter` counts from here. */
  readonly at = Date.now()

  constructor(status: number, code: string, detail: string, more: Partial<Details> = {}) {
    super(detail)
    this.name = 'Problem'
    this.status = status
    this.code = code
    this.fields = more.fields ?? []
    this.requestId = more.requestId ?? null
    this.retryAfter = more.retryAfter ?? null
  }
}

type Details = Pick<Problem, 'fields' | 'requestId' | 'retryAfter'>

const SENTENCES: Record<number, string> = {
  400: "That wasn't understood. Check what you entered.",
  401: 'You are signed out. Sign in again.',
  403: "Your role doesn't allow this.",
  404: "This doesn't exist, or isn't yours to see.",
  409: 'Somebody else was faster: this has changed in the meantime.',
  429: 'Too many requests. Wait a moment and try again.',
  503: "FreshTrack is busy right now. Readings aren't lost; try again in a moment.",
}

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

/** Reads a refusal: problem+json of the API, `{errors: [{message}]}` of sign-in, or something that isn't ours at all. */
export function problemFrom(response: Response, body: unknown): Problem {
  const said = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const errors = Array.isArray(said.errors) ? (said.errors as Record<string, unknown>[]) : []
  const fields = errors.map((error) => ({
    field: text(error.field) ?? text(error.param) ?? '',
    code: text(error.code) ?? 'invalid',
    detail: text(error.detail) ?? text(error.message) ?? 'Not valid.',
  }))
  const detail =
    text(said.detail) ??
    fields[0]?.detail ??
    SENTENCES[response.status] ??
    'Something went wrong on our side. Try again in a moment.'
  const code = text(said.code) ?? fields[0]?.code ?? `http_${response.status}`
  const retryAfter = Number(response.headers.get('Retry-After')) || null
  return new Problem(response.status, code, detail, { fields, requestId: text(said.request_id), retryAfter })
}

function cookie(name: string): string | null {
  const found = document.cookie.split('; ').find((part) => part.startsWith(`${name}=`))
  return found ? decodeURIComponent(found.slice(name.length + 1)) : null
}

/** What forms have to send that leave the app for another page. */
export const csrfToken = (): string => cookie('csrftoken') ?? ''

const csrf: Middleware = {
  async onRequest({ request }) {
    if (request.method === 'GET' || request.method === 'HEAD') return
    // Asking for the session sets the cookie, if this browser has never had it.
    if (!cookie('csrftoken')) await fetch(new URL('/_allauth/browser/v1/auth/session', request.url))
    request.headers.set('X-CSRFToken', cookie('csrftoken') ?? '')
  },
}

const unreachable: Middleware = {
  onError({ error }) {
    if (error instanceof DOMException && error.name === 'AbortError') return error
    return new Problem(0, 'unreachable', "FreshTrack can't be reached. Check your connection.")
  },
}

const options = {
  baseUrl: window.location.origin,
  headers: { Accept: 'application/json' },
  // Looked up at each call, not once when this module loads.
  fetch: (request: Request) => globalThis.fetch(request),
}

export const api = createClient<paths>(options)
export const signInApi = createClient<SignInPaths>(options)
for (const client of [api, signInApi]) client.use(csrf, unreachable)

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The body of a good answer; anything else is thrown as a Problem. */
export async function answer<T>(asked: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await asked
  if (!response.ok) throw problemFrom(response, error)
  return data as T
}

export interface PageOf<T> {
  results: T[]
  next?: string | null
}

/** The cursor inside a `next` address. */
export function cursorOf(next: string | null | undefined): string | undefined {
  return next ? (new URL(next, window.location.origin).searchParams.get('cursor') ?? undefined) : undefined
}

/** Every page of a list that is needed whole (units, sites, rules). */
export async function everyPage<T>(page: (cursor: string | undefined) => Promise<PageOf<T>>): Promise<T[]> {
  const all: T[] = []
  let cursor: string | undefined
  do {
    const { results, next } = await page(cursor)
    all.push(...results)
    cursor = cursorOf(next)
  } while (cursor)
  return all
}
