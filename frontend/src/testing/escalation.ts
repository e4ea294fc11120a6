/** The part of the small backend that keeps escalation policies, and says who is told next. */

import { HttpResponse, http } from 'msw'
import type { FieldError } from '@/shared/api/client'
import type { components } from '@/shared/api/schema'
import { ORG, page, problem } from './answers'
import type { Backend } from './backend'
import { ago } from './make'

type Schemas = components['schemas']
type Policy = Omit<Schemas['EscalationPolicy'], 'scope' | 'steps'> & {
  scope: Partial<Schemas['PolicyScope']>
  steps: { wait_s: number; urgent: boolean; targets: Partial<Schemas['Target']>[] }[]
}
type Rehearsal = Schemas['Rehearsal']
type RehearsedStep = Schemas['RehearsedStep']

export interface EscalationBackend {
  policies: Policy[]
  schedules: Pick<Schemas['OnCallSchedule'], 'id' | 'name'>[]
  /** Of whichever alert is asked about. */
  next: Rehearsal
  /** What a draft would do. */
  rehearsal: Rehearsal
  /** Who is on duty, in which schedule. */
  onDuty: Schemas['OnDuty'][]
  rota: Schemas['Rota']
  swaps: Schemas['ShiftSwap'][]
  coverage: Schemas['Coverage']
  /** What a policy that is saved is answered instead: errors by field. */
  refusedPolicy: FieldError[] | null
}

export const aRehearsal = (fields: Partial<Rehearsal> = {}): Rehearsal => ({
  policy: null,
  policy_name: '',
  why: '',
  state: 'running',
  next_at: null,
  results: [],
  warnings: [],
  ...fields,
})

/** Holes, worst first; none: somebody hears of everything. */
export const covered = (...holes: Partial<Schemas['Hole']>[]): Schemas['Coverage'] => {
  const results = holes.map((hole): Schemas['Hole'] => ({
    kind: 'empty_shift',
    severity: 'warning',
    text: 'Nobody is on duty in Kitchen.',
    about: { policy: null, schedule: null, person: null, site: null, step: null },
    path: '/o/demo/on-call/kitchen',
    starts_at: null,
    ends_at: null,
    ...hole,
  }))
  const critical = results.filter(({ severity }) => severity === 'critical').length
  const counts = { critical, warning: results.length - critical }
  return { ok: results.length === 0, checked_at: ago(60), counts, results, more: 0 }
}

export const aShift = (name: string, fields: Partial<Schemas['ShownShift']> = {}): Schemas['ShownShift'] => ({
  starts_at: ago(3600),
  ends_at: ago(-3600),
  user: name ? `user of ${name}` : null,
  name,
  left: false,
  source: name ? 'layer' : 'gap',
  label: name ? 'Weeks' : '',
  override: null,
  ...fields,
})

export const aSwap = (fields: Partial<Schemas['ShiftSwap']> = {}): Schemas['ShiftSwap'] => ({
  id: 'a-swap',
  schedule: 'kitchen',
  schedule_name: 'Kitchen',
  offered_by: 'user of Anna',
  offered_by_name: 'Anna',
  taken_by: 'user of Ben',
  taken_by_name: 'Ben',
  starts_at: ago(-86_400),
  ends_at: ago(-90_000),
  return_starts_at: null,
  return_ends_at: null,
  note: '',
  status: 'offered',
  decided_at: null,
  created_at: ago(60),
  ...fields,
})

export const noEscalation = (): EscalationBackend => ({
  policies: [],
  schedules: [],
  next: aRehearsal({ state: 'quiet' }),
  rehearsal: aRehearsal(),
  onDuty: [],
  rota: { starts_at: ago(0), ends_at: ago(-14 * 86_400), results: [], gaps: [], layers: [] },
  swaps: [],
  coverage: covered(),
  refusedPolicy: null,
})

/** One that calls managers, then everybody. */
export const aPolicy = (fields: Partial<Policy> = {}): Policy => ({
  id: `policy of ${fields.name ?? 'Critical alerts'}`.replaceAll(' ', '-'),
  name: 'Critical alerts',
  scope: {},
  severity: 'critical',
  hours: 'always',
  steps: [
    { wait_s: 0, targets: [{ role: 'manager' }], urgent: true },
    { wait_s: 900, targets: [{ role: 'staff' }], urgent: true },
  ],
  repeat_s: 1800,
  enabled: true,
  is_default: false,
  created_at: ago(86_400),
  ...fields,
})

/** Somebody who is told by e-mail when it is their turn; with a reason: isn't. */
export const toldAt = (at: string, name: string, reason?: string): RehearsedStep['people'][number] => ({
  user: `user of ${name}`,
  name,
  why: 'Manager',
  told: reason === undefined,
  channels: reason === undefined ? [{ kind: 'email', to: 'o…@example.com', at, why: 'Chosen.' }] : [],
  reasons: reason === undefined ? [] : [reason],
})

export const aTurn = (at: string, names: string[], fields: Partial<RehearsedStep> = {}): RehearsedStep => ({
  step: 1,
  of: 2,
  round: 1,
  at,
  urgent: true,
  people: names.map((name) => toldAt(at, name)),
  ...fields,
})

export function escalationHandlers(backend: Backend) {
  const room = `${ORG}/escalation-policies`
  const note = (request: Request): void => {
    const { pathname, search } = new URL(request.url)
    backend.asked.push(`${request.method} ${pathname}${search}`)
  }
  const refusal = () => {
    const errors = backend.refusedPolicy
    return errors && problem(400, 'invalid', errors[0]?.detail ?? 'Invalid.', errors)
  }
  return [
    http.get(`${ORG}/alerts/:id/escalation/`, ({ request }) => {
      note(request)
      return HttpResponse.json(backend.next)
    }),
    http.get(`${ORG}/coverage/`, () => HttpResponse.json(backend.coverage)),
    http.get(`${ORG}/on-call-schedules/on-duty/`, () => HttpResponse.json({ results: backend.onDuty })),
    http.get(`${ORG}/on-call-schedules/:id/final/`, () => HttpResponse.json(backend.rota)),
    http.get(`${ORG}/on-call-schedules/:id/`, ({ params }) => {
      const schedule = backend.schedules.find(({ id }) => id === params.id)
      return schedule
        ? HttpResponse.json({ time_zone: 'Europe/Berlin', layers: [], holidays: [], site: null, ...schedule })
        : problem(404, 'not_found', 'There is nothing here.')
    }),
    http.get(`${ORG}/shift-swaps/`, ({ request }) => page(request, backend.swaps, [])),
    http.post(`${ORG}/shift-swaps/:id/:act/`, ({ params, request }) => {
      note(request)
      const swap = backend.swaps.find(({ id }) => id === params.id)
      backend.swaps = backend.swaps.filter(({ id }) => id !== params.id)
      return HttpResponse.json(swap)
    }),
    http.get(`${ORG}/on-call-schedules/`, ({ request }) => page(request, backend.schedules, [])),
    http.get(`${room}/`, ({ request }) => page(request, backend.policies, [])),
    http.post(`${room}/dry-run/`, async ({ request }) => {
      note(request)
      backend.posted.dryRun = await request.json()
      return HttpResponse.json(backend.rehearsal)
    }),
    http.post(`${room}/`, async ({ request }) => {
      const body = (await request.json()) as Partial<Policy>
      backend.posted.policy = body
      const refused = refusal()
      if (refused) return refused
      const policy = aPolicy(body)
      backend.policies = [...backend.policies, policy]
      return HttpResponse.json(policy, { status: 201 })
    }),
    http.get(`${room}/:id/`, ({ params }) => {
      const policy = backend.policies.find(({ id }) => id === params.id)
      return policy ? HttpResponse.json(policy) : problem(404, 'not_found', 'There is nothing here.')
    }),
    http.patch(`${room}/:id/`, async ({ params, request }) => {
      const body = (await request.json()) as Partial<Policy>
      backend.posted.policy = body
      const refused = refusal()
      if (refused) return refused
      backend.policies = backend.policies.map((policy) => (policy.id === params.id ? { ...policy, ...body } : policy))
      return HttpResponse.json(backend.policies.find(({ id }) => id === params.id))
    }),
    http.delete(`${room}/:id/`, ({ params }) => {
      backend.policies = backend.policies.filter(({ id }) => id !== params.id)
      return new HttpResponse(null, { status: 204 })
    }),
  ]
}
