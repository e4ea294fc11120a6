/** The part of the small backend that keeps rules, mutes and the moves of alerts. */

import { HttpResponse, http } from 'msw'
import type {
  Alert,
  AlertEvent,
  AlertRule,
  LegalLimit,
  Mute,
  ProductTemperature,
  RuleOverride,
  RulePreview,
  RuleReason,
  UnitLabel,
  UnitRule,
} from '@/shared/api/types'
import { ORG, page, problem } from './answers'
import type { Backend } from './backend'
import { ago, aMute, anEvent, anOverride, aRule } from './make'

export interface AlertingBackend {
  rules: AlertRule[]
  /** Of those, by id: why they don't watch. Others do. */
  notInForce: Record<string, string>
  overrides: RuleOverride[]
  legal: LegalLimit[]
  drift: string[]
  preview: Partial<RulePreview>
  reasons: RuleReason[]
  mutes: Mute[]
  labels: UnitLabel[]
  product: ProductTemperature
}

export const noAlerting = (): AlertingBackend => ({
  rules: [],
  notInForce: {},
  overrides: [],
  legal: [],
  drift: [],
  preview: {},
  reasons: [],
  mutes: [],
  labels: [],
  product: { tau_s: 3600, results: [] },
})

const gone = () => new HttpResponse(null, { status: 204 })
const missing = () => problem(404, 'not_found', 'There is nothing here.')

const note = (backend: Backend, request: Request): void => {
  const { pathname, search } = new URL(request.url)
  backend.asked.push(`${request.method} ${pathname}${search}`)
}

export function alertingHandlers(backend: Backend) {
  return [...moveHandlers(backend), ...ruleHandlers(backend), ...unitHandlers(backend), ...muteHandlers(backend)]
}

type Words = Record<string, string | null>

function moveHandlers(backend: Backend) {
  const move = (name: string, change: (alert: Alert, words: Words) => Partial<Alert>, from: Alert['status'][]) =>
    http.post(`${ORG}/alerts/:id/${name}/`, async ({ params, request }) => {
      const words = (await request.json()) as Words
      backend.posted[name] = words
      const before = backend.alerts.find(({ id }) => id === params.id)
      if (!before) return problem(404, 'not_found', 'No such alert.')
      if (!from.includes(before.status)) {
        return problem(409, 'illegal_transition', `This alert is already ${before.status}.`)
      }
      const alert = { ...before, ...change(before, words) }
      backend.alerts = backend.alerts.map((each) => (each === before ? alert : each))
      return HttpResponse.json(alert)
    })
  const now = new Date().toISOString()
  const nameOf = (id: string | null | undefined) => backend.members.find(({ user }) => user.id === id)?.user.name ?? ''
  const unresolved: Alert['status'][] = ['open', 'acknowledged']
  return [
    move('acknowledge', () => ({ status: 'acknowledged', acknowledged_at: now }), unresolved),
    move('resolve', () => ({ status: 'resolved', resolved_at: now }), unresolved),
    move('snooze', (_, { until }) => ({ snoozed_until: until ?? null }), unresolved),
    move('assign', (_, { user }) => ({ assigned_to: user ?? null, assigned_to_name: nameOf(user) }), unresolved),
    move('reopen', () => ({ status: 'open', resolved_at: null }), ['resolved']),
    http.post(`${ORG}/alerts/:id/comment/`, async ({ request }) => {
      const words = (await request.json()) as { note: string }
      backend.posted.comment = words
      const said: AlertEvent = anEvent({
        event: 'commented',
        by: 'me',
        by_name: 'Casey Chef',
        channel: 'web',
        ...words,
      })
      backend.events = [...backend.events, { ...said, at: ago(0) }]
      return HttpResponse.json(said, { status: 201 })
    }),
  ]
}

function ruleHandlers(backend: Backend) {
  const room = `${ORG}/alert-rules`
  return [
    http.get(`${room}/`, ({ request }) => page(request, backend.rules, [])),
    http.post(`${room}/preview/`, async ({ request }) => {
      backend.posted.preview = await request.json()
      const found = { incidents: [], happened: [], units: 1, readings: 1000, note: '', ...backend.preview }
      return HttpResponse.json(found)
    }),
    http.post(`${room}/`, async ({ request }) => {
      const body = (await request.json()) as Partial<AlertRule>
      backend.posted.rule = body
      const rule = aRule({ ...body, is_default: false })
      backend.rules = [...backend.rules, rule]
      return HttpResponse.json(rule, { status: 201 })
    }),
    http.get(`${room}/:id/`, ({ params }) => {
      const rule = backend.rules.find(({ id }) => id === params.id)
      return rule ? HttpResponse.json(rule) : missing()
    }),
    http.patch(`${room}/:id/`, async ({ params, request }) => {
      const body = (await request.json()) as Partial<AlertRule>
      backend.posted.rule = body
      backend.rules = backend.rules.map((rule) => (rule.id === params.id ? { ...rule, ...body } : rule))
      return HttpResponse.json(backend.rules.find(({ id }) => id === params.id))
    }),
    http.delete(`${room}/:id/`, ({ params, request }) => {
      note(backend, request)
      backend.rules = backend.rules.filter(({ id }) => id !== params.id)
      return gone()
    }),
    http.post(`${ORG}/rule-overrides/`, async ({ request }) => {
      const body = (await request.json()) as Partial<RuleOverride>
      backend.posted.override = body
      const override = anOverride({ threshold: null, ...body })
      backend.overrides = [...backend.overrides, override]
      return HttpResponse.json(override, { status: 201 })
    }),
    http.delete(`${ORG}/rule-overrides/:id/`, ({ params, request }) => {
      note(backend, request)
      backend.overrides = backend.overrides.filter(({ id }) => id !== params.id)
      return gone()
    }),
  ]
}

function unitHandlers(backend: Backend) {
  const unitOf = (id: unknown) => backend.units.find((unit) => unit.id === id)
  const holds = ({ scope }: AlertRule, id: unknown): boolean => {
    const unit = unitOf(id)
    const own = { unit: unit?.id, area: unit?.area, site: unit?.site, unit_kind: unit?.kind }
    return Object.entries(scope).every(([name, value]) => own[name as keyof typeof own] === value)
  }
  return [
    http.get(`${ORG}/units/:id/rules/`, ({ params }) => {
      const rules = backend.rules
        .filter((rule) => holds(rule, params.id))
        .map(
          (rule): UnitRule => ({
            ...rule,
            in_force: !(rule.id in backend.notInForce),
            reason: backend.notInForce[rule.id] ?? 'In force: the most specific rule, made for its kind of unit.',
            override: backend.overrides.find((override) => override.rule === rule.id) ?? null,
          }),
        )
      return HttpResponse.json({
        legal: backend.legal,
        operating_band: null,
        kind_tau_s: 1800,
        rules,
        drift: backend.drift,
      })
    }),
    http.get(`${ORG}/units/:id/why/`, ({ request }) => {
      note(backend, request)
      return HttpResponse.json({ results: backend.reasons })
    }),
    http.get(`${ORG}/units/:id/labels/`, () => HttpResponse.json({ results: backend.labels, left_out: 0 })),
    http.get(`${ORG}/units/:id/product-temperature/`, ({ request }) => {
      note(backend, request)
      return HttpResponse.json(backend.product)
    }),
  ]
}

function muteHandlers(backend: Backend) {
  const room = `${ORG}/mutes`
  return [
    http.get(`${room}/`, ({ request }) => {
      const active = new URL(request.url).searchParams.get('active')
      return page(
        request,
        backend.mutes.filter((mute) => active === null || String(mute.active) === active),
        [],
      )
    }),
    http.get(`${room}/:id/`, ({ params }) => {
      const mute = backend.mutes.find(({ id }) => id === params.id)
      return mute ? HttpResponse.json(mute) : missing()
    }),
    http.post(`${room}/`, async ({ request }) => {
      const body = (await request.json()) as Partial<Mute>
      backend.posted.mute = body
      const mute = aMute({ reason: '', ...body })
      backend.mutes = [mute, ...backend.mutes]
      return HttpResponse.json(mute, { status: 201 })
    }),
    http.delete(`${room}/:id/`, ({ params }) => {
      backend.mutes = backend.mutes.map((mute) =>
        mute.id === params.id ? { ...mute, active: false, ends_at: ago(0) } : mute,
      )
      return gone()
    }),
  ]
}
