/** The part of the small backend that keeps the inbox and deliveries. */

import { HttpResponse, http } from 'msw'
import type { ChannelHealth, Delivery, DeliveryAttempt, InboxItem, Resent } from '@/shared/api/types'
import { HERE, ORG, page, problem } from './answers'
import type { Backend } from './backend'
import { ago } from './make'

export interface MessagesBackend {
  inbox: InboxItem[]
  deliveries: Delivery[]
  /** Of one delivery, by its id. */
  attempts: Record<string, DeliveryAttempt[]>
  health: ChannelHealth[]
  /** What of sending the dead again is to be told, where not all went well. */
  resent: Partial<Resent>
}

export const noMessages = (): MessagesBackend => ({ inbox: [], deliveries: [], attempts: {}, health: [], resent: {} })

let made = 0

/** An unread item; each test names only what matters to it. */
export const anItem = (fields: Partial<InboxItem> = {}): InboxItem => ({
  id: `item-${++made}`,
  org: 'demo',
  site: null,
  event: 'alert.opened',
  about: 'alert:alert-1',
  severity: 'critical',
  subject: 'Counter fridge is too warm',
  text: 'It is 9.4 °C, above 5 °C for 20 minutes.',
  path: '/o/demo/alerts/alert-1',
  created_at: ago(120),
  read_at: null,
  ...fields,
})

/** A message that was sent. */
export const aDelivery = (fields: Partial<Delivery> = {}): Delivery => ({
  id: `delivery-${++made}`,
  channel: 'email',
  to: 'chef@example.com',
  severity: 'critical',
  urgency: 'urgent',
  event: 'alert.opened',
  about: 'alert:alert-1',
  subject: 'Counter fridge is too warm',
  status: 'sent',
  attempts: 1,
  maybe_twice: false,
  summary: null,
  last_error: '',
  created_at: ago(300),
  next_attempt_at: ago(300),
  sent_at: ago(299),
  delivered_at: null,
  ...fields,
})

export const anAttempt = (fields: Partial<DeliveryAttempt> = {}): DeliveryAttempt => ({
  number: 1,
  at: ago(299),
  duration_ms: 1240,
  provider: 'smtp',
  outcome: 'sent',
  code: '250',
  detail: '',
  provider_id: '',
  ...fields,
})

export const aHealth = (fields: Partial<ChannelHealth> = {}): ChannelHealth => ({
  channel: 'email',
  provider: 'smtp',
  last_success: ago(300),
  last_error: null,
  hour: { sent: 0, failed: 0, refused: 0 },
  day: { sent: 0, failed: 0, refused: 0 },
  ...fields,
})

export const messagesHandlers = (backend: Backend) => [...inboxHandlers(backend), ...deliveryHandlers(backend)]

function inboxHandlers(backend: Backend) {
  const room = `${HERE}/api/v1/me/inbox`
  const unread = () => HttpResponse.json({ unread: backend.inbox.filter(({ read_at }) => read_at === null).length })
  return [
    http.get(`${room}/count/`, unread),
    http.get(`${room}/`, ({ request }) => {
      const only = new URL(request.url).searchParams.get('unread') === 'true'
      return page(
        request,
        backend.inbox.filter(({ read_at }) => !only || read_at === null),
        [],
      )
    }),
    http.post(`${room}/read-all/`, async ({ request }) => {
      backend.posted.readAll = await request.json()
      backend.inbox = backend.inbox.map((item) => ({ ...item, read_at: item.read_at ?? ago(0) }))
      return unread()
    }),
    http.post(`${room}/:id/read/`, ({ params }) => {
      const found = backend.inbox.find(({ id }) => id === params.id)
      if (!found) return problem(404, 'not_found', 'There is nothing here.')
      const read = { ...found, read_at: found.read_at ?? ago(0) }
      backend.inbox = backend.inbox.map((item) => (item === found ? read : item))
      return HttpResponse.json(read)
    }),
  ]
}

function deliveryHandlers(backend: Backend) {
  const room = `${ORG}/notifications`
  const isFailed = ({ status }: Delivery) => status === 'failed' || status === 'dead'
  const promise = (ids: string[]) => {
    backend.deliveries = backend.deliveries.map((each) =>
      ids.includes(each.id) ? { ...each, status: 'promised', attempts: 0 } : each,
    )
  }
  return [
    http.get(`${room}/health/`, () => HttpResponse.json({ results: backend.health })),
    http.get(`${room}/`, ({ request }) => {
      const { pathname, search } = new URL(request.url)
      backend.asked.push(`GET ${pathname}${search}`)
      return page(request, backend.deliveries, ['status', 'channel'])
    }),
    http.get(`${room}/:id/attempts/`, ({ request, params }) =>
      page(request, backend.attempts[String(params.id)] ?? [], []),
    ),
    http.post(`${room}/resend/`, async ({ request }) => {
      backend.posted.resendDead = await request.json()
      const dead = backend.deliveries.filter(({ status }) => status === 'dead').map(({ id }) => id)
      promise(dead)
      return HttpResponse.json({ resent: dead, left: 0, more: false, ...backend.resent })
    }),
    http.post(`${room}/:id/resend/`, ({ params }) => {
      backend.asked.push(`POST resend ${params.id}`)
      const found = backend.deliveries.find(({ id }) => id === params.id)
      if (!found || !isFailed(found)) {
        return problem(409, 'not_failed', 'Only a message that failed can be sent again.')
      }
      promise([found.id])
      return HttpResponse.json(backend.deliveries.find(({ id }) => id === found.id))
    }),
  ]
}
