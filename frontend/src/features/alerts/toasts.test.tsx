import { act, screen, waitFor, within } from '@testing-library/react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Alert } from '@/shared/api/types'
import { openApp } from '@/testing/app'
import { type Backend, startBackend } from '@/testing/backend'
import { ago, anAlert } from '@/testing/make'

afterEach(() => vi.useRealTimers())

/** The dashboard with a live connection. */
async function watching() {
  const app = openApp()
  await screen.findByText('Counter fridge')
  await waitFor(() => expect(screen.getAllByText('Live')[0]).toBeInTheDocument())
  return app
}

function newAlert(backend: Backend, fields: Partial<Alert> = {}): Alert {
  const [unit] = backend.units
  if (!unit) throw new Error('the backend has no unit')
  const alert = anAlert(unit, fields)
  backend.alerts = [alert, ...backend.alerts]
  return alert
}

const say = (backend: Backend, alert: Alert, event: 'opened' | 'acknowledged' | 'resolved', eventId: string) =>
  backend.say({ type: 'alert', cursor: 'c', event_id: eventId, event, alert })

const toasts = () => screen.queryAllByRole('alert')

describe('a new alert', () => {
  it('is told at once, with a way to it', async () => {
    const backend = startBackend()
    const { user } = await watching()
    say(backend, newAlert(backend), 'opened', 'e-1')
    const toast = await screen.findByRole('alert')
    expect(toast).toHaveTextContent(/Critical: Counter fridge.*Too warm, 9.1.°C, limit 8.0.°C/)
    await user.click(within(toast).getByRole('link', { name: 'Show alert' }))
    expect(await screen.findByRole('heading', { name: 'Counter fridge: too warm' })).toBeVisible()
    await waitFor(() => expect(toasts()).toHaveLength(0))
  })

  it('is told once, however often the server repeats it', async () => {
    const backend = startBackend()
    await watching()
    const alert = newAlert(backend)
    say(backend, alert, 'opened', 'e-1')
    say(backend, alert, 'opened', 'e-1')
    await screen.findByRole('alert')
    expect(toasts()).toHaveLength(1)
  })

  it('stays until it is dismissed if it is critical, and goes after ten seconds if it is a warning', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true })
    const backend = startBackend()
    await watching()
    say(backend, newAlert(backend, { severity: 'critical' }), 'opened', 'e-1')
    say(backend, newAlert(backend, { severity: 'warning' }), 'opened', 'e-2')
    await waitFor(() => expect(toasts()).toHaveLength(2))
    await act(() => vi.advanceTimersByTimeAsync(8_000))
    expect(toasts()).toHaveLength(2)
    await act(() => vi.advanceTimersByTimeAsync(4_000))
    await waitFor(() => expect(toasts()).toHaveLength(1))
    expect(toasts()[0]).toHaveTextContent('Critical')
    await act(() => vi.advanceTimersByTimeAsync(60_000))
    expect(toasts()).toHaveLength(1)
  })

  it('goes away by itself when somebody takes charge', async () => {
    const backend = startBackend()
    await watching()
    const alert = newAlert(backend)
    say(backend, alert, 'opened', 'e-1')
    await screen.findByRole('alert')
    const taken = { ...alert, status: 'acknowledged' as const }
    backend.alerts = [taken]
    say(backend, taken, 'acknowledged', 'e-2')
    await waitFor(() => expect(toasts()).toHaveLength(0))
  })

  it('is told even if it opened while the connection was lost', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true })
    const backend = startBackend()
    await watching()
    backend.drop()
    newAlert(backend)
    await act(() => vi.advanceTimersByTimeAsync(2_000))
    expect(await screen.findByRole('alert')).toHaveTextContent('Critical: Counter fridge')
  })

  it("isn't told if it was open before the page was", async () => {
    const backend = startBackend()
    newAlert(backend)
    await watching()
    await screen.findByRole('link', { name: 'Alerts, 1 open' })
    expect(toasts()).toHaveLength(0)
  })
})

describe('more open alerts than are asked for', () => {
  const many = (backend: Backend) => {
    for (let older = 140; older > 0; older -= 1) newAlert(backend, { opened_at: ago(older * 60) })
  }

  it('are no news where one of the newest goes and an old one takes its place', async () => {
    const backend = startBackend()
    many(backend)
    const { client } = await watching()
    await screen.findByRole('link', { name: 'Alerts, more than 99 open' })
    const [newest] = backend.alerts
    if (!newest) throw new Error('there is no alert')
    const over = { ...newest, status: 'resolved' as const }
    backend.alerts = backend.alerts.slice(1)
    const asked = () => backend.asked.filter((each) => each.includes('/alerts/?status=open')).length
    const before = asked()
    say(backend, over, 'resolved', 'e-1')
    await act(() => client.invalidateQueries({ queryKey: ['alerts', 'demo', 'open'] }))
    await waitFor(() => expect(asked()).toBeGreaterThan(before))
    expect(toasts()).toHaveLength(0)
    say(backend, newAlert(backend), 'opened', 'e-2')
    await waitFor(() => expect(toasts()).toHaveLength(1))
  })
})

describe('open alerts', () => {
  it("are counted in the tab's title and beside the link", async () => {
    const backend = startBackend()
    newAlert(backend)
    await watching()
    await waitFor(() => expect(document.title).toBe('(1) Dashboard · FreshTrack'))
    expect(screen.getByRole('link', { name: 'Alerts, 1 open' })).toBeInTheDocument()
    say(backend, newAlert(backend), 'opened', 'e-1')
    await waitFor(() => expect(document.title).toBe('(2) Dashboard · FreshTrack'))
  })
})
