/** The part of the tests' backend that knows where, how and when the person is told. */

import { HttpResponse, http } from 'msw'
import type { components } from '@/shared/api/schema'
import { HERE, ORG, page, problem } from './answers'
import { ago } from './make'
import { server } from './server'

type Schemas = components['schemas']

export interface TellingBackend {
  contacts: Schemas['ContactMethod'][]
  /** The code that is right. */
  code: string
  wishes: Schemas['Preferences']
  digests: Schemas['Digest'][]
  /** Without a working address nothing can be sent. */
  mayBeSent: boolean
  reach: Schemas['Reach']
  /** Everything that was asked, as "GET /path?query". */
  asked: string[]
  /** Bodies, by what they were about. */
  posted: Record<string, unknown>
}

export const aContact = (fields: Partial<Schemas['ContactMethod']> = {}): Schemas['ContactMethod'] => ({
  id: `contact of ${fields.address ?? 'chef@example.com'}`,
  kind: 'email',
  address: 'chef@example.com',
  sign_in: false,
  verified_at: ago(86_400),
  created_at: ago(86_400),
  code_sent_at: null,
  disabled_at: null,
  disabled_because: '',
  ...fields,
})

/** Answers beside startBackend(): the person has one address and chose nothing. */
export function startTelling(changes: Partial<TellingBackend> = {}): TellingBackend {
  const backend: TellingBackend = {
    contacts: [aContact({ sign_in: true })],
    code: '123456',
    wishes: {
      preferences: [],
      quiet_hours: null,
      away: null,
      time_zone: 'Europe/Berlin',
      available: ['email'],
      warnings: [],
    },
    digests: [],
    mayBeSent: true,
    reach: { policy: null, policy_name: '', results: [], warnings: [] },
    asked: [],
    posted: {},
    ...changes,
  }
  server.use(...contactHandlers(backend), ...wishHandlers(backend), ...letterHandlers(backend))
  return backend
}

function contactHandlers(backend: TellingBackend) {
  const METHODS = `${HERE}/api/v1/me/contact-methods/`
  const change = (id: unknown, fields: Partial<Schemas['ContactMethod']>) => {
    backend.contacts = backend.contacts.map((contact) => (contact.id === id ? { ...contact, ...fields } : contact))
    return HttpResponse.json(backend.contacts.find((contact) => contact.id === id))
  }
  return [
    http.get(METHODS, ({ request }) => page(request, backend.contacts, [])),
    http.post(METHODS, async ({ request }) => {
      const { kind, address } = (await request.json()) as Schemas['NewContactMethodRequest']
      backend.posted.contact = { kind, address }
      if (backend.contacts.some((contact) => contact.address === address)) {
        const detail = 'You have this one already.'
        return problem(400, 'invalid', detail, [{ field: 'address', code: 'unique', detail }])
      }
      const made = aContact({ kind, address, verified_at: null, code_sent_at: ago(0) })
      backend.contacts = [...backend.contacts, made]
      return HttpResponse.json(made, { status: 201 })
    }),
    http.delete(`${METHODS}:id/`, ({ params }) => {
      backend.contacts = backend.contacts.filter(({ id }) => id !== params.id)
      return new HttpResponse(null, { status: 204 })
    }),
    http.post(`${METHODS}:id/send-code/`, ({ params }) => {
      backend.posted.sent = params.id
      return change(params.id, { code_sent_at: ago(0) })
    }),
    http.post(`${METHODS}:id/verify/`, async ({ params, request }) => {
      const { code } = (await request.json()) as Schemas['CodeRequest']
      if (code !== backend.code) {
        const detail = 'This code is wrong.'
        return problem(400, 'invalid', detail, [{ field: 'code', code: 'wrong', detail }])
      }
      return change(params.id, { verified_at: ago(0), code_sent_at: null, disabled_at: null, disabled_because: '' })
    }),
  ]
}

function wishHandlers(backend: TellingBackend) {
  const WISHES = `${HERE}/api/v1/me/notification-preferences/`
  const DIGESTS = `${HERE}/api/v1/me/digests/`
  const digests = () => HttpResponse.json({ digests: backend.digests, time_zone: backend.wishes.time_zone })
  return [
    http.get(WISHES, () => HttpResponse.json(backend.wishes)),
    http.put(WISHES, async ({ request }) => {
      const body = (await request.json()) as Schemas['PreferencesRequest']
      backend.posted.wishes = body
      backend.wishes = { ...backend.wishes, quiet_hours: null, away: null, ...body }
      return HttpResponse.json(backend.wishes)
    }),
    http.get(DIGESTS, digests),
    http.put(DIGESTS, async ({ request }) => {
      const body = (await request.json()) as Schemas['DigestsRequest']
      backend.posted.digests = body.digests
      backend.digests = body.digests.map((digest) => ({ ...digest, next_at: '2030-01-07T06:30:00Z' }))
      return digests()
    }),
  ]
}

function letterHandlers(backend: TellingBackend) {
  const note = (request: Request) => {
    const { pathname, search } = new URL(request.url)
    backend.asked.push(`${request.method} ${pathname}${search}`)
  }
  return [
    http.get(`${ORG}/digests/preview/`, ({ request }) => {
      note(request)
      const html = '<html><head></head><body><script>parent.broken = true</script>All cold</body></html>'
      return HttpResponse.json({ subject: 'All cold at Harbour Foods', text: 'All cold', html })
    }),
    http.post(`${ORG}/digests/preview/`, ({ request }) => {
      note(request)
      return backend.mayBeSent
        ? HttpResponse.json({ to: 'chef@example.com' }, { status: 202 })
        : problem(409, 'no_address', 'You have no verified e-mail address that works.')
    }),
    http.get(`${ORG}/alerts/reach/`, ({ request }) => {
      note(request)
      return HttpResponse.json(backend.reach)
    }),
  ]
}
