import { act, screen, waitFor, within } from '@testing-library/react'
import { HttpResponse, http } from 'msw'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openApp } from '@/testing/app'
import { type Backend, startBackend } from '@/testing/backend'
import { aRehearsal, aTurn, toldAt } from '@/testing/escalation'
import { aColleague, ago, anAlert, anEvent } from '@/testing/make'
import { server } from '@/testing/server'

afterEach(() => {
  vi.useRealTimers()
})

function withAlert(fields: Parameters<typeof anAlert>[1] = {}): Backend {
  const backend = startBackend()
  const [unit] = backend.units
  if (!unit) throw new Error('the backend has no unit')
  backend.alerts = [anAlert(unit, fields)]
  return backend
}

const openAlert = (backend: Backend) => openApp(`/o/demo/alerts/${backend.alerts[0]?.id}`)
const panel = async () => within(await screen.findByRole('region', { name: 'Who is told next' }))
const inSeconds = (seconds: number) => ago(-seconds)
const asked = (backend: Backend) => backend.asked.filter((each) => each.endsWith('/escalation/')).length

function running(seconds: number, names = ['Olga Owner']) {
  const at = inSeconds(seconds)
  const later = inSeconds(seconds + 900)
  const again = inSeconds(seconds + 2700)
  return aRehearsal({
    policy: 'policy-1',
    policy_name: 'Critical alerts',
    why: 'It opened with this policy.',
    next_at: at,
    results: [
      aTurn(at, names),
      aTurn(later, ['Sam Rivera', 'Noor Haddad'], { step: 2 }),
      aTurn(again, names, { round: 2 }),
    ],
  })
}

describe('who is told next', () => {
  it('is counted down by the second, with the steps that follow and the policy they are of', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true })
    const backend = withAlert()
    backend.next = running(250)
    openAlert(backend)
    const next = await panel()
    const sentence = await next.findByText(/Olga Owner is told in/)
    expect(sentence).toHaveTextContent(/^Olga Owner is told in 4.min \d+.s, if nobody answers\.$/)
    const before = sentence.textContent
    await act(() => vi.advanceTimersByTimeAsync(1_000))
    expect(sentence.textContent).not.toBe(before)
    const steps = next.getAllByRole('listitem').filter((row) => row.hasAttribute('class') && row.querySelector('time'))
    expect(steps.map((row) => row.querySelector('span')?.textContent)).toEqual([
      'Step 1 of 2',
      'Step 2 of 2',
      'Again from step 1',
    ])
    expect(steps[1]).toHaveTextContent(/Sam RiveraE-mailNoor HaddadE-mail/)
    expect(next.getByRole('link', { name: 'Critical alerts' })).toHaveAttribute('href', '/o/demo/escalation/policy-1')
  })

  it('is asked again when the time has come', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true })
    const backend = withAlert()
    backend.next = running(20)
    openAlert(backend)
    const next = await panel()
    await next.findByText(/Olga Owner is told in/)
    backend.next = running(900, ['Sam Rivera', 'Noor Haddad'])
    await act(() => vi.advanceTimersByTimeAsync(21_000))
    expect(await next.findByText(/Sam Rivera and Noor Haddad are told in/)).toBeVisible()
  })

  it('says that somebody is being told as long as the server is at it', async () => {
    const backend = withAlert()
    backend.next = running(-2)
    openAlert(backend)
    expect(await (await panel()).findByText('Olga Owner is being told now.')).toBeVisible()
  })

  it('follows what happens to the alert elsewhere', async () => {
    const backend = withAlert()
    backend.next = running(250)
    openAlert(backend)
    const next = await panel()
    await next.findByText(/Olga Owner is told in/)
    const [alert] = backend.alerts
    if (!alert) throw new Error('there is no alert')
    backend.next = { ...running(7200), state: 'snoozed' }
    backend.say({ type: 'alert', cursor: 'c-1', event_id: 'e-1', event: 'snoozed', alert })
    expect(await next.findByText(/^Snoozed until .*\.$/)).toBeVisible()
    expect(next.getByText(/If it still lasts then, Olga Owner is told/)).toBeVisible()
  })

  it('says who answered, and when that lapses', async () => {
    const sam = aColleague('Sam Rivera', 'staff')
    const backend = withAlert({ status: 'acknowledged', acknowledged_by: sam.user.id, acknowledged_at: ago(60) })
    backend.members = [sam]
    backend.next = { ...running(7200), state: 'answered' }
    const { user } = openAlert(backend)
    const next = await panel()
    expect(await next.findByText(/^Answered by Sam Rivera; that lapses at .*\.$/)).toBeVisible()
    expect(next.queryByText(/is told in/)).not.toBeInTheDocument()
    await user.click(next.getByText('Who is told then'))
    expect(next.getByText('Step 2 of 2')).toBeVisible()
  })

  it('says of an answer without an end that nobody else is told', async () => {
    const backend = withAlert({ status: 'acknowledged' })
    backend.next = aRehearsal({ state: 'answered' })
    openAlert(backend)
    const next = await panel()
    expect(await next.findByText('Answered by somebody.')).toBeVisible()
    expect(next.getByText('Nobody else is told while that holds.')).toBeVisible()
  })

  it('says when a mute ends, and that another alert covers it', async () => {
    const backend = withAlert()
    backend.next = { ...running(600), state: 'muted' }
    const { client } = openAlert(backend)
    const next = await panel()
    expect(await next.findByText(/^Muted until/)).toBeVisible()
    backend.next = aRehearsal({ state: 'quiet' })
    await act(() => client.invalidateQueries({ queryKey: ['alerts'] }))
    expect(await next.findByText('Another alert covers it, and people are told about that one.')).toBeVisible()
  })

  it('points out steps that reach nobody, why, and what is worth a warning', async () => {
    const backend = withAlert()
    const [first, ...others] = running(60).results
    if (!first) throw new Error('there is no step')
    backend.next = {
      ...running(60),
      results: [{ ...first, people: [toldAt(first.at, 'Alex Kim', 'Away until 1 December.')] }, ...others],
      warnings: ['Step 1 reaches nobody now: it is passed over.'],
    }
    openAlert(backend)
    const next = await panel()
    expect(await next.findByText(/Sam Rivera and Noor Haddad are told in/)).toBeVisible()
    expect(next.getByText('Reaches nobody: it is passed over.')).toBeVisible()
    expect(next.getByText('Not Alex Kim. Away until 1 December.')).toBeVisible()
    expect(next.getByText('Step 1 reaches nobody now: it is passed over.')).toBeVisible()
  })

  it('says until when quiet hours hold the message back', async () => {
    const backend = withAlert()
    const [first, ...others] = running(60).results
    if (!first) throw new Error('there is no step')
    backend.next = {
      ...running(60),
      results: [{ ...first, people: [toldAt(inSeconds(20_000), 'Olga Owner')] }, ...others],
    }
    openAlert(backend)
    const next = await panel()
    expect(await next.findByText(/^Quiet hours: the message itself is held back until/)).toBeVisible()
    expect(next.getByText(/^E-mail, held back until/)).toBeVisible()
  })

  it('folds all but the next few', async () => {
    const backend = withAlert()
    const many = [1, 2, 3, 4, 5].map((step) => aTurn(inSeconds(step * 300), ['Olga Owner'], { step, of: 5 }))
    backend.next = { ...running(300), results: many }
    const { user } = openAlert(backend)
    const next = await panel()
    expect(await next.findByText('Step 3 of 5')).toBeVisible()
    expect(next.queryByText('Step 4 of 5')).not.toBeInTheDocument()
    await user.click(next.getByRole('button', { name: 'Show 2 more' }))
    expect(next.getByText('Step 5 of 5')).toBeVisible()
  })

  it('says what holds where there is no policy', async () => {
    const backend = withAlert()
    const why = 'No escalation policy holds here: managers are told, and reminded until somebody answers.'
    backend.next = { ...running(60), policy: null, policy_name: '', why }
    openAlert(backend)
    expect(await (await panel()).findByText(why)).toBeVisible()
  })

  it("isn't asked once the alert is resolved", async () => {
    const backend = withAlert({ status: 'resolved', resolved_at: ago(10) })
    openAlert(backend)
    await screen.findByRole('region', { name: 'Timeline' })
    expect(screen.queryByRole('region', { name: 'Who is told next' })).not.toBeInTheDocument()
    expect(asked(backend)).toBe(0)
  })

  it('offers another try when it cannot be known', async () => {
    const backend = withAlert()
    backend.next = running(250)
    server.use(http.get('*/api/v1/orgs/:org/alerts/:id/escalation/', () => HttpResponse.error(), { once: true }))
    const { user } = openAlert(backend)
    const next = await panel()
    await user.click(await next.findByRole('button', { name: 'Try again' }))
    expect(await next.findByText(/Olga Owner is told in/)).toBeVisible()
  })
})

describe('the timeline of an alert', () => {
  it('says in words that steps were taken, passed over, or replaced', async () => {
    const backend = withAlert()
    const escalated = (note: string) => anEvent({ event: 'escalated', channel: 'clock', note })
    backend.events = [
      escalated('Step 2 of 3 of “Nights”: Olga Owner.'),
      escalated('Step 3 of 3 of “Nights” reaches nobody.'),
      escalated('No step of its policy reaches anybody: managers are told instead.'),
    ]
    openAlert(backend)
    const timeline = within(await screen.findByRole('region', { name: 'Timeline' }))
    expect(await timeline.findByText('Nobody had answered: next step')).toBeVisible()
    expect(timeline.getByText('A step was passed over')).toBeVisible()
    expect(timeline.getByText('Managers were told instead')).toBeVisible()
    await waitFor(() => expect(timeline.getByText('Step 2 of 3 of “Nights”: Olga Owner.')).toBeVisible())
  })
})
