/** A small backend for tests, spoken to over HTTP and a WebSocket as the real one is. */

import { HttpResponse, http, ws } from 'msw'
import type { Alert, AlertEvent, Area, Me, Readings, Sensor, Site, Statistics, Unit } from '@/shared/api/types'
import type { LiveMessage } from '@/shared/live'
import { type AccountBackend, accountHandlers, noAccounts } from './accounts'
import { type AlertingBackend, alertingHandlers, noAlerting } from './alerting'
import { HERE, ORG, page, problem } from './answers'
import { type EscalationBackend, escalationHandlers, noEscalation } from './escalation'
import { aMe, anArea, aSite, aUnit } from './make'
import { type MessagesBackend, messagesHandlers, noMessages } from './messages'
import { noOrganizations, type OrganizationBackend, organizationHandlers } from './organization'
import { noQuarantine, type QuarantineBackend, quarantineHandlers } from './quarantine'
import { server } from './server'

export interface Backend
  extends OrganizationBackend,
    AccountBackend,
    QuarantineBackend,
    AlertingBackend,
    MessagesBackend,
    EscalationBackend {
  me: Me | null
  sites: Site[]
  areas: Area[]
  units: Unit[]
  sensors: Sensor[]
  alerts: Alert[]
  events: AlertEvent[]
  readings: Readings
  /** Of one sensor, where it differs. */
  readingsOf: Record<string, Readings>
  statistics: Statistics | null
  /** What an export answers. */
  file: (request: Request) => Response
  /** What a change of a site or a unit is answered instead. */
  refusing: ReturnType<typeof problem> | null
  /** Whether the live connection may be opened. */
  liveAllowed: boolean
  /** Everything that was asked, as "GET /path?query". */
  asked: string[]
  /** Bodies of what was posted, by path. */
  posted: Record<string, unknown>
  /** Says something on every open socket. */
  say: (message: LiveMessage) => void
  /** Closes every open socket. */
  drop: (code?: number) => void
  sockets: number
}

type Socket = Parameters<Parameters<ReturnType<typeof ws.link>['addEventListener']>[1]>[0]['client']

/** A backend with one site, one area and one unit, which a test changes before or while it runs. */
export function startBackend(changes: Partial<Backend> = {}): Backend {
  const site = aSite()
  const area = anArea(site)
  const open = new Set<Socket>()
  const backend: Backend = {
    me: aMe(),
    sites: [site],
    areas: [area],
    units: [aUnit(area)],
    sensors: [],
    alerts: [],
    events: [],
    ...noOrganizations(),
    ...noAccounts(),
    ...noQuarantine(),
    ...noAlerting(),
    ...noMessages(),
    ...noEscalation(),
    readings: { resolution: 'raw', merged: 1, results: [] } as unknown as Readings,
    readingsOf: {},
    statistics: null,
    refusing: null,
    file: () => new HttpResponse('recorded_at,temperature\r\n', { headers: { 'Content-Type': 'text/csv' } }),
    liveAllowed: true,
    asked: [],
    posted: {},
    sockets: 0,
    say: (message) => {
      for (const socket of open) socket.send(JSON.stringify(message))
    },
    drop: (code = 1001) => {
      for (const socket of [...open]) {
        open.delete(socket)
        socket.close(code)
      }
    },
    ...changes,
  }
  server.use(
    ...accountHandlers(backend),
    ...readHandlers(backend),
    ...alertingHandlers(backend),
    ...organizationHandlers(backend),
    ...quarantineHandlers(backend),
    ...messagesHandlers(backend),
    ...escalationHandlers(backend),
    live(backend, open),
  )
  return backend
}

const refused = () => problem(401, 'not_authenticated', 'Sign in first.')

function readHandlers(backend: Backend) {
  const list = (path: string, rows: () => object[], filters: string[] = []) =>
    http.get(`${ORG}/${path}/`, ({ request }) => {
      const { pathname, search } = new URL(request.url)
      backend.asked.push(`GET ${pathname}${search}`)
      return backend.me ? page(request, rows(), filters) : refused()
    })
  return [
    list('sites', () => backend.sites),
    list('areas', () => backend.areas),
    list('units', () => backend.units),
    http.patch(`${ORG}/sites/:id/`, async ({ params, request }) => {
      const body = (await request.json()) as Partial<Site>
      backend.posted.site = body
      if (backend.refusing) return backend.refusing
      backend.sites = backend.sites.map((site) => (site.id === params.id ? { ...site, ...body } : site))
      return HttpResponse.json(backend.sites.find(({ id }) => id === params.id))
    }),
    http.patch(`${ORG}/units/:id/`, async ({ params, request }) => {
      const body = (await request.json()) as Partial<Unit>
      backend.posted.unit = body
      if (backend.refusing) return backend.refusing
      backend.units = backend.units.map((unit) => (unit.id === params.id ? { ...unit, ...body } : unit))
      return HttpResponse.json(backend.units.find(({ id }) => id === params.id))
    }),
    list('sensors', () => backend.sensors, ['unit']),
    list('alerts', () => backend.alerts, ['status', 'severity', 'site', 'unit']),
    http.get(`${ORG}/alerts/:id/events/`, ({ request }) => page(request, backend.events, [])),
    http.get(`${ORG}/alerts/:id/`, ({ params }) => {
      const alert = backend.alerts.find(({ id }) => id === params.id)
      return alert ? HttpResponse.json(alert) : problem(404, 'not_found', 'No such alert.')
    }),
    http.get(`${ORG}/units/:id/readings/statistics/`, () =>
      backend.statistics ? HttpResponse.json(backend.statistics) : problem(404, 'not_found', 'No statistics.'),
    ),
    http.get(`${ORG}/:place/:id/readings/`, ({ request, params }) => {
      const { pathname, search } = new URL(request.url)
      backend.asked.push(`GET ${pathname}${search}`)
      if (request.headers.get('Accept') === 'text/csv') return backend.file(request)
      return HttpResponse.json(backend.readingsOf[String(params.id)] ?? backend.readings)
    }),
  ]
}

function live(backend: Backend, open: Set<Socket>) {
  return ws.link(`${HERE.replace('http', 'ws')}/ws/v1/orgs/:org/live/`).addEventListener('connection', ({ client }) => {
    backend.sockets += 1
    if (!backend.liveAllowed) {
      client.close(1011)
      return
    }
    open.add(client)
    client.addEventListener('close', () => open.delete(client))
    const send = (message: LiveMessage) => client.send(JSON.stringify(message))
    send({ type: 'hello', cursor: 'c-0', heartbeat_s: 25, flush_ms: 200 })
    send({
      type: 'snapshot',
      units: backend.units.map(({ id, site, temperature, humidity, recorded_at, status }) => ({
        unit: id,
        site,
        temperature,
        humidity,
        recorded_at,
        status,
      })),
    })
  })
}
