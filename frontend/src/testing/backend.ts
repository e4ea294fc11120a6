/** A small backend for tests, spoken to over HTTP and a WebSocket as the real one is. */

import { HttpResponse, http, ws } from 'msw'
import type { Alert, AlertEvent, AlertRule, Area, Me, Readings, Sensor, Site, Unit } from '@/shared/api/types'
import type { LiveMessage } from '@/shared/live'
import { aMe, anArea, aSite, aUnit } from './make'
import { server } from './server'

const HERE = window.location.origin
const ORG = `${HERE}/api/v1/orgs/:org`

export interface Backend {
  me: Me | null
  password: string
  sites: Site[]
  areas: Area[]
  units: Unit[]
  sensors: Sensor[]
  rules: AlertRule[]
  alerts: Alert[]
  events: AlertEvent[]
  readings: Readings
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
    password: 'right horse battery',
    sites: [site],
    areas: [area],
    units: [aUnit(area)],
    sensors: [],
    rules: [],
    alerts: [],
    events: [],
    readings: { resolution: 'raw', results: [] } as unknown as Readings,
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
  server.use(...signInHandlers(backend), ...readHandlers(backend), ...moveHandlers(backend), live(backend, open))
  return backend
}

function problem(status: number, code: string, detail: string, errors: unknown[] = []) {
  return HttpResponse.json({ title: code, status, code, detail, errors, request_id: 'req-1' }, { status })
}

const refused = () => problem(401, 'not_authenticated', 'Sign in first.')

function signInHandlers(backend: Backend) {
  const someone = backend.me ?? aMe()
  const session = (status: number) => HttpResponse.json({ status, data: { flows: [] }, meta: {} }, { status })
  return [
    http.get(`${HERE}/_allauth/browser/v1/auth/session`, () => {
      // biome-ignore lint/suspicious/noDocumentCookie: as the server's Set-Cookie does
      document.cookie = 'csrftoken=token-from-server'
      return session(backend.me ? 200 : 401)
    }),
    http.post(`${HERE}/_allauth/browser/v1/auth/login`, async ({ request }) => {
      const { email, password } = (await request.json()) as { email: string; password: string }
      backend.posted.login = { email, password, csrf: request.headers.get('X-CSRFToken') }
      if (password !== backend.password) {
        const message = 'The email address and/or password you specified are not correct.'
        return HttpResponse.json(
          { status: 400, errors: [{ message, code: 'mismatch', param: 'password' }] },
          { status: 400 },
        )
      }
      backend.me = someone
      return session(200)
    }),
    http.delete(`${HERE}/_allauth/browser/v1/auth/session`, () => {
      backend.me = null
      return session(401)
    }),
    http.get(`${HERE}/api/v1/me/`, () => (backend.me ? HttpResponse.json(backend.me) : refused())),
  ]
}

/** One page of what matches the query, with the address of the next. */
function page<T extends object>(request: Request, rows: T[], filters: string[]) {
  const { searchParams } = new URL(request.url)
  const wanted = rows.filter((row) =>
    filters.every((name) => !searchParams.has(name) || row[name as keyof T] === searchParams.get(name)),
  )
  const size = Number(searchParams.get('page_size') ?? 100)
  const start = Number(searchParams.get('cursor') ?? 0)
  const end = start + size
  const next = end < wanted.length ? `${request.url.split('?')[0]}?cursor=${end}` : null
  return HttpResponse.json({ results: wanted.slice(start, end), next, previous: null })
}

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
    list('sensors', () => backend.sensors, ['unit']),
    list('alert-rules', () => backend.rules),
    list('alerts', () => backend.alerts, ['status', 'severity', 'site', 'unit']),
    http.get(`${ORG}/alerts/:id/events/`, ({ request }) => page(request, backend.events, [])),
    http.get(`${ORG}/alerts/:id/`, ({ params }) => {
      const alert = backend.alerts.find(({ id }) => id === params.id)
      return alert ? HttpResponse.json(alert) : problem(404, 'not_found', 'No such alert.')
    }),
    http.get(`${ORG}/units/:id/readings/`, ({ request }) => {
      const { pathname, search } = new URL(request.url)
      backend.asked.push(`GET ${pathname}${search}`)
      return HttpResponse.json(backend.readings)
    }),
  ]
}

function moveHandlers(backend: Backend) {
  const move = (name: 'acknowledge' | 'resolve', change: Partial<Alert>) =>
    http.post(`${ORG}/alerts/:id/${name}/`, async ({ params, request }) => {
      backend.posted[name] = await request.json()
      const before = backend.alerts.find(({ id }) => id === params.id)
      if (!before) return problem(404, 'not_found', 'No such alert.')
      if (before.status === 'resolved') return problem(409, 'illegal_transition', 'This alert is already resolved.')
      const alert = { ...before, ...change }
      backend.alerts = backend.alerts.map((each) => (each === before ? alert : each))
      return HttpResponse.json(alert)
    })
  const now = new Date().toISOString()
  return [
    move('acknowledge', { status: 'acknowledged', acknowledged_at: now }),
    move('resolve', { status: 'resolved', resolved_at: now }),
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
