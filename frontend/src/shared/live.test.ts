import { waitFor } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Backend, startBackend } from '@/testing/backend'
import { anAlert } from '@/testing/make'
import { backoff, LiveConnection, type LiveMessage, type LiveStatus } from './live'

const ADDRESS = `${window.location.origin.replace('http', 'ws')}/ws/v1/orgs/demo/live/`

let backend: Backend
let connection: LiveConnection
let messages: LiveMessage[]
let statuses: LiveStatus[]
let returns: number
let signedOut: number

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true })
  backend = startBackend()
  messages = []
  statuses = []
  returns = 0
  signedOut = 0
  connection = new LiveConnection(ADDRESS, {
    onMessage: (message) => messages.push(message),
    onStatus: (status) => statuses.push(status),
    onReturn: () => {
      returns += 1
    },
    onSignedOut: () => {
      signedOut += 1
    },
  })
})

afterEach(() => {
  connection.stop()
  vi.useRealTimers()
})

const live = () => waitFor(() => expect(statuses.at(-1)).toBe('live'))

describe('the live connection', () => {
  it('hands on what the server says and remembers the cursor', async () => {
    connection.start()
    await waitFor(() => expect(messages.map((message) => message.type)).toEqual(['hello', 'snapshot']))
    backend.say({ type: 'readings', cursor: 'c-7', batch: [] })
    await waitFor(() => expect(connection.cursor).toBe('c-7'))
  })

  it('drops an event that it knows', async () => {
    connection.start()
    await live()
    const [unit] = backend.units
    if (!unit) return
    const event = { type: 'alert', cursor: 'c', event: 'opened', alert: anAlert(unit) } as const
    backend.say({ ...event, event_id: 'e-1' })
    backend.say({ ...event, event_id: 'e-1' })
    backend.say({ ...event, event_id: 'e-2' })
    await waitFor(() => expect(messages.filter((message) => message.type === 'alert')).toHaveLength(2))
  })

  it('comes back by itself and says that something may have been missed', async () => {
    connection.start()
    await live()
    expect(returns).toBe(0)
    backend.drop()
    await waitFor(() => expect(statuses.at(-1)).toBe('reconnecting'))
    await vi.advanceTimersByTimeAsync(1_100)
    await live()
    expect(returns).toBe(1)
  })

  it('lets the app poll where sockets are blocked, and goes on trying', async () => {
    backend.liveAllowed = false
    connection.start()
    await waitFor(() => expect(statuses.at(-1)).toBe('reconnecting'))
    await vi.advanceTimersByTimeAsync(30_000)
    await waitFor(() => expect(statuses.at(-1)).toBe('polling'))
    backend.liveAllowed = true
    await vi.advanceTimersByTimeAsync(31_000)
    await live()
  })

  it('stops when the session has ended, and says so', async () => {
    connection.start()
    await live()
    backend.drop(4401)
    await waitFor(() => expect(signedOut).toBe(1))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(backend.sockets).toBe(1)
    expect(statuses.at(-1)).toBe('refused')
  })

  it('starts over when a network dies without a word', async () => {
    connection.start()
    await live()
    // The server's heartbeat is 25 s; then it is asked, and doesn't answer for 10 s.
    await vi.advanceTimersByTimeAsync(47_000)
    await waitFor(() => expect(backend.sockets).toBe(2))
  })

  it('shows that the device is offline, and comes back with the network', async () => {
    connection.start()
    await live()
    const onLine = vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)
    window.dispatchEvent(new Event('offline'))
    expect(statuses.at(-1)).toBe('offline')
    onLine.mockReturnValue(true)
    window.dispatchEvent(new Event('online'))
    await live()
  })
})

describe('the wait before another try', () => {
  it('doubles up to half a minute and never comes in step with others', () => {
    expect([0, 1, 2, 3, 10].map((tries) => backoff(tries, () => 1))).toEqual([1000, 2000, 4000, 8000, 30_000])
    expect(backoff(3, () => 0)).toBe(4000)
  })
})
