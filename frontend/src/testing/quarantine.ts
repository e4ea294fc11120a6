/** The part of the small backend that keeps refused readings. */

import { HttpResponse, http } from 'msw'
import type { RefusedReading } from '@/shared/api/types'
import { ORG, page, problem } from './answers'
import type { Backend } from './backend'
import { ago } from './make'

export interface QuarantineBackend {
  refused: RefusedReading[]
  /** Why a reading is refused again, by its id; others are stored. */
  stillRefused: Record<string, string>
}

export const noQuarantine = (): QuarantineBackend => ({ refused: [], stillRefused: {} })

let made = 0

/** A refused reading; each test names only what matters to it. */
export const aRefusal = (fields: Partial<RefusedReading> = {}): RefusedReading => ({
  id: `refused-${++made}`,
  code: 'out_of_range',
  detail: 'temperature 345.0 is outside -200 to 200 °C.',
  serial: 'A84041000000005E',
  channel: '0',
  sensor: null,
  site: null,
  recorded_at: ago(600),
  format: 'readings',
  payload: { sensor: 'A84041000000005E', recorded_at: ago(600), temperature: 345 },
  times: 1,
  first_received_at: ago(590),
  last_received_at: ago(590),
  key: { id: 'key-1', name: 'Gateway' },
  state: 'kept',
  decided_at: null,
  decided_by: null,
  ...fields,
})

export function quarantineHandlers(backend: Backend) {
  const room = `${ORG}/quarantined-readings`
  const decide = (id: string, state: 'resubmitted' | 'discarded'): RefusedReading | undefined => {
    const decided = {
      state,
      decided_at: ago(0),
      decided_by: { id: 'me', email: 'chef@example.com', name: 'Casey Chef' },
    }
    backend.refused = backend.refused.map((each) => (each.id === id ? { ...each, ...decided } : each))
    return backend.refused.find((each) => each.id === id)
  }
  const many = (state: 'resubmitted' | 'discarded') => async (request: Request) => {
    const { ids } = (await request.json()) as { ids: string[] }
    backend.posted[state] = ids
    const results = ids.map((id) => {
      const detail = state === 'resubmitted' ? backend.stillRefused[id] : undefined
      if (detail) return { id, state: 'kept', refusal: { code: 'out_of_range', detail } }
      decide(id, state)
      return { id, state, refusal: null }
    })
    return HttpResponse.json({ results })
  }
  return [
    http.get(`${room}/summary/`, () => {
      const waiting = backend.refused.filter(({ state }) => state === 'kept')
      const by_code: Record<string, number> = {}
      for (const { code } of waiting) by_code[code] = (by_code[code] ?? 0) + 1
      return HttpResponse.json({ total: waiting.length, by_code, last_24_h: waiting.length })
    }),
    http.get(`${room}/`, ({ request }) => {
      const { pathname, search } = new URL(request.url)
      backend.asked.push(`GET ${pathname}${search}`)
      return page(request, backend.refused, ['code', 'serial', 'state'])
    }),
    http.post(`${room}/resubmit/`, ({ request }) => many('resubmitted')(request)),
    http.post(`${room}/discard/`, ({ request }) => many('discarded')(request)),
    http.post(`${room}/:id/resubmit/`, async ({ request, params }) => {
      const id = String(params.id)
      const body = (await request.json()) as { reading?: unknown }
      backend.posted.resubmit = body
      const detail = backend.stillRefused[id]
      if (detail && !body.reading) return problem(409, 'still_refused', `The reading is still refused: ${detail}`)
      return HttpResponse.json(decide(id, 'resubmitted'))
    }),
    http.post(`${room}/:id/discard/`, async ({ request, params }) => {
      backend.posted.discard = await request.json()
      return HttpResponse.json(decide(String(params.id), 'discarded'))
    }),
    http.get(`${ORG}/sensors/:id/`, ({ params }) => {
      const sensor = backend.sensors.find(({ id }) => id === params.id)
      return sensor ? HttpResponse.json(sensor) : problem(404, 'not_found', 'No such sensor.')
    }),
  ]
}
