/** The live connection: one socket an organization. It hands messages on and knows nothing of screens. */

import type { QueryClient, QueryKey } from '@tanstack/react-query'
import { createContext, useContext } from 'react'
import type { Alert, InboxItem, UnitStatus } from './api/types'

export interface UnitNow {
  unit: string
  site: string
  temperature: number | null
  humidity: number | null
  recorded_at: string | null
  status: UnitStatus
}

export interface LiveReading {
  unit: string
  sensor: string
  site: string
  recorded_at: string
  temperature: number | null
  humidity: number | null
}

type AlertMove = 'opened' | 'escalated' | 'acknowledged' | 'snoozed' | 'resolved' | 'reopened' | 'commented'

/** What the server says; the frames of `/ws/v1/orgs/{org}/live/`. */
export type LiveMessage =
  | { type: 'hello'; cursor: string; heartbeat_s: number; flush_ms: number }
  | { type: 'snapshot'; units: UnitNow[] }
  | { type: 'readings'; cursor: string; batch: LiveReading[] }
  | { type: 'alert'; cursor: string; event_id: string; event: AlertMove; alert: Alert }
  | { type: 'device'; cursor?: string }
  | { type: 'inbox'; item: InboxItem | null; unread: number }
  | { type: 'change'; cursor: string; entity: string; id: string; action: string }
  | { type: 'reply'; id: string; ok: boolean; error?: string | null }
  | { type: 'error'; code: string; detail: string }
  | { type: 'bye'; reason: string }

/** A feature's part: puts what a message says into the query cache. */
export type LiveHandler = (client: QueryClient, organization: string, message: LiveMessage) => void

/**
 * connecting: the first try. live: messages arrive. reconnecting: it was live, or will be. polling: the socket can't
 * connect but the server answers. offline: the device has no network. refused: this person may not listen.
 */
export type LiveStatus = 'connecting' | 'live' | 'reconnecting' | 'polling' | 'offline' | 'refused'

export const LiveStatusContext = createContext<LiveStatus>('connecting')
export const useLiveStatus = (): LiveStatus => useContext(LiveStatusContext)

const SHORTEST_WAIT = 1_000
const LONGEST_WAIT = 30_000
/** Waits after which a socket that never came counts as blocked: a proxy, perhaps. */
const TRIES_BEFORE_POLLING = 3
/** Silence that is longer than the server's heartbeat by this much gets a question. */
const PATIENCE = 10_000
const EVENTS_REMEMBERED = 2_000

interface Listeners {
  onMessage: (message: LiveMessage) => void
  onStatus: (status: LiveStatus) => void
  /** The connection is back after a loss: whatever happened meanwhile must be fetched. */
  onReturn: () => void
  /** 4401: the session has ended. */
  onSignedOut: () => void
}

/** Wait before try n (0 is the first repeat): doubles up to half a minute, with jitter so that nobody comes in step. */
export function backoff(tries: number, random: () => number = Math.random): number {
  const longest = Math.min(LONGEST_WAIT, SHORTEST_WAIT * 2 ** tries)
  return longest / 2 + (random() * longest) / 2
}

/** Keeps one socket open as long as it is wanted. */
export class LiveConnection {
  /** The point before which nothing is missing. */
  cursor: string | null = null
  private socket: WebSocket | null = null
  private tries = 0
  private wasLive = false
  private wanted = false
  private heartbeat = 30_000
  private retryTimer: ReturnType<typeof setTimeout> | undefined
  private silenceTimer: ReturnType<typeof setTimeout> | undefined
  private readonly known = new Set<string>()
  private readonly address: string
  private readonly listeners: Listeners

  constructor(address: string, listeners: Listeners) {
    this.address = address
    this.listeners = listeners
  }

  start(): void {
    this.wanted = true
    window.addEventListener('online', this.tryNow)
    window.addEventListener('offline', this.noteOffline)
    document.addEventListener('visibilitychange', this.whenVisible)
    this.connect()
  }

  stop(): void {
    this.wanted = false
    window.removeEventListener('online', this.tryNow)
    window.removeEventListener('offline', this.noteOffline)
    document.removeEventListener('visibilitychange', this.whenVisible)
    clearTimeout(this.retryTimer)
    this.leave()
  }

  private connect(): void {
    clearTimeout(this.retryTimer)
    if (!this.wanted || this.socket) return
    let socket: WebSocket
    try {
      socket = new WebSocket(this.address)
    } catch {
      this.retry()
      return
    }
    this.socket = socket
    socket.onmessage = ({ data }) => this.receive(data)
    socket.onclose = ({ code }) => {
      if (this.socket !== socket) return
      this.leave()
      if (code === 4401) {
        this.listeners.onStatus('refused')
        this.listeners.onSignedOut()
      } else if (code === 4403 || code === 4404) this.listeners.onStatus('refused')
      else this.retry(code === 4429 ? LONGEST_WAIT : 0)
    }
    this.expectSoon()
  }

  /** Forgets the socket without waiting for its farewell, which a dead network never brings. */
  private leave(): void {
    clearTimeout(this.silenceTimer)
    const socket = this.socket
    this.socket = null
    if (!socket) return
    socket.onmessage = null
    socket.onclose = null
    socket.close()
  }

  private retry(atLeast = 0): void {
    if (!this.wanted) return
    const offline = navigator.onLine === false
    const blocked = this.tries >= TRIES_BEFORE_POLLING
    this.listeners.onStatus(offline ? 'offline' : blocked ? 'polling' : 'reconnecting')
    clearTimeout(this.retryTimer)
    this.retryTimer = setTimeout(() => this.connect(), Math.max(atLeast, backoff(this.tries)))
    this.tries += 1
  }

  private receive(data: unknown): void {
    this.expectSoon()
    let message: LiveMessage
    try {
      message = JSON.parse(String(data)) as LiveMessage
    } catch {
      return // a proxy's words, not ours
    }
    if (message.type === 'hello') this.greet(message.heartbeat_s)
    if (message.type === 'bye') this.tries = 0 // it told us so: it will be back soon
    if (message.type === 'alert' && this.isKnown(message.event_id)) return
    if ('cursor' in message && message.cursor) this.cursor = message.cursor
    this.listeners.onMessage(message)
  }

  private greet(heartbeat: number): void {
    if (heartbeat > 0) this.heartbeat = heartbeat * 1000
    this.tries = 0
    this.listeners.onStatus('live')
    if (this.wasLive) this.listeners.onReturn()
    this.wasLive = true
  }

  /** A cursor is a point before which nothing is missing, so events after it may come twice. */
  private isKnown(event: string): boolean {
    if (this.known.has(event)) return true
    this.known.add(event)
    if (this.known.size > EVENTS_REMEMBERED) {
      const [oldest] = this.known
      if (oldest) this.known.delete(oldest)
    }
    return false
  }

  /** A network can die without a word. Ask after a silence; if nothing comes, start over. */
  private expectSoon(): void {
    clearTimeout(this.silenceTimer)
    this.silenceTimer = setTimeout(() => {
      const socket = this.socket
      if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: 'ping', id: 'heartbeat' }))
      this.silenceTimer = setTimeout(() => {
        this.leave()
        this.retry()
      }, PATIENCE)
    }, this.heartbeat + PATIENCE)
  }

  private readonly tryNow = (): void => {
    if (this.socket) return
    this.tries = 0
    this.connect()
  }

  private readonly noteOffline = (): void => {
    this.leave()
    this.retry()
  }

  private readonly whenVisible = (): void => {
    // A phone that wakes up shouldn't wait for a timer of half a minute.
    if (document.visibilityState === 'visible') this.tryNow()
  }
}

const GENTLE_EVERY = 2_000
const gentle = new WeakMap<QueryClient, Map<string, { again: boolean }>>()

/** Has a query fetched again: at once, then at most every two seconds, however many events ask for it. */
export function refetchGently(client: QueryClient, queryKey: QueryKey): void {
  const waiting = gentle.get(client) ?? new Map<string, { again: boolean }>()
  gentle.set(client, waiting)
  const key = JSON.stringify(queryKey)
  const running = waiting.get(key)
  if (running) {
    running.again = true
    return
  }
  const mine = { again: false }
  waiting.set(key, mine)
  void client.invalidateQueries({ queryKey })
  setTimeout(() => {
    waiting.delete(key)
    if (mine.again) refetchGently(client, queryKey)
  }, GENTLE_EVERY)
}
