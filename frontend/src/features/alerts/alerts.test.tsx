import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { HttpResponse, http } from 'msw'
import { describe, expect, it } from 'vitest'
import type { Role } from '@/shared/api/types'
import { openApp } from '@/testing/app'
import { type Backend, startBackend } from '@/testing/backend'
import { aColleague, ago, aMe, anAlert, anEvent } from '@/testing/make'
import { server } from '@/testing/server'

function withAlerts(...fields: Parameters<typeof anAlert>[1][]): Backend {
  const backend = startBackend()
  const [unit] = backend.units
  if (!unit) throw new Error('the backend has no unit')
  backend.alerts = fields.map((each) => anAlert(unit, each))
  return backend
}

const section = async (name: string): Promise<HTMLElement> => screen.findByRole('region', { name })
const openFirst = (backend: Backend) => openApp(`/o/demo/alerts/${backend.alerts[0]?.id}`)

describe('the list of alerts', () => {
  it('shows open ones first, then those somebody works on, then the past', async () => {
    withAlerts(
      { status: 'resolved', resolved_at: ago(10), unit_name: 'Freezer' },
      { status: 'open', unit_name: 'Fridge' },
      { status: 'acknowledged', unit_name: 'Prep table' },
    )
    openApp('/o/demo/alerts')
    expect(await within(await section('Open')).findByRole('link', { name: 'Fridge: too warm' })).toBeVisible()
    expect(await within(await section('Acknowledged')).findByRole('link')).toHaveTextContent('Prep table')
    expect(await within(await section('Resolved')).findByRole('link')).toHaveTextContent('Freezer')
    const order = screen.getAllByRole('heading', { level: 2 }).map((heading) => heading.textContent)
    expect(order).toEqual(['Open', 'Acknowledged', 'Resolved'])
  })

  it('keeps its filters in the address and asks the server for what they say', async () => {
    const backend = withAlerts({ severity: 'warning' }, { severity: 'critical' })
    const { user, address } = openApp('/o/demo/alerts')
    await user.selectOptions(await screen.findByLabelText('Severity'), 'Warning')
    await user.selectOptions(screen.getByLabelText('Status'), 'Open')
    await waitFor(() => expect(screen.queryByRole('region', { name: 'Resolved' })).not.toBeInTheDocument())
    await waitFor(async () => expect(within(await section('Open')).getAllByRole('link')).toHaveLength(1))
    expect(address()).toMatch(/severity=warning.*status=open|status=open.*severity=warning/)
    expect(backend.asked.some((each) => each.includes('severity=warning'))).toBe(true)
  })

  it('shows older ones page by page', async () => {
    withAlerts(...Array.from({ length: 30 }, () => ({ status: 'resolved' as const, resolved_at: ago(10) })))
    const { user } = openApp('/o/demo/alerts?status=resolved')
    const list = await section('Resolved')
    await waitFor(() => expect(within(list).getAllByRole('link')).toHaveLength(25))
    await user.click(within(list).getByRole('button', { name: 'Show older' }))
    await waitFor(() => expect(within(list).getAllByRole('link')).toHaveLength(30))
    expect(within(list).queryByRole('button', { name: 'Show older' })).not.toBeInTheDocument()
  })

  it('is glad when nothing is open', async () => {
    startBackend()
    openApp('/o/demo/alerts?status=open')
    expect(await screen.findByText('Nothing needs you right now')).toBeVisible()
  })
})

describe('an alert', () => {
  it('shows what happened and every move with who made it and why', async () => {
    const backend = withAlerts({ status: 'acknowledged', acknowledged_at: ago(60) })
    backend.events = [
      anEvent(),
      anEvent({ event: 'acknowledged', by: 'u', by_name: 'Sam Rivera', note: 'Door was open.', at: ago(60) }),
    ]
    openFirst(backend)
    const timeline = await section('Timeline')
    expect(await within(timeline).findByText('Acknowledged by Sam Rivera')).toBeVisible()
    expect(within(timeline).getByText('Door was open.')).toBeVisible()
    expect(screen.getByText('Worst value').nextSibling).toHaveTextContent('9.1')
  })

  it('is acknowledged with a note', async () => {
    const backend = withAlerts({})
    const { user } = openFirst(backend)
    await user.click(await screen.findByRole('button', { name: 'Acknowledge' }))
    const dialog = await screen.findByRole('dialog', { name: 'Acknowledge alert' })
    await user.type(within(dialog).getByLabelText('Note'), 'On my way.')
    await user.click(within(dialog).getByRole('button', { name: 'Acknowledge' }))
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Acknowledge' })).not.toBeInTheDocument())
    expect(backend.posted.acknowledge).toEqual({ note: 'On my way.' })
    expect(screen.getByRole('button', { name: 'Resolve' })).toBeVisible()
  })

  it('is resolved only with its corrective action if it is critical', async () => {
    const backend = withAlerts({ severity: 'critical' })
    const { user } = openFirst(backend)
    await user.click(await screen.findByRole('button', { name: 'Resolve' }))
    const dialog = await screen.findByRole('dialog', { name: 'Resolve alert' })
    await user.click(within(dialog).getByRole('button', { name: 'Resolve' }))
    expect(await within(dialog).findByText(/only resolved with its corrective action/)).toBeVisible()
    expect(backend.posted.resolve).toBeUndefined()
    await user.type(within(dialog).getByLabelText(/Corrective action/), 'Moved everything to the walk-in.')
    await user.click(within(dialog).getByRole('button', { name: 'Resolve' }))
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Resolve' })).not.toBeInTheDocument())
    expect(backend.posted.resolve).toMatchObject({ corrective_action: 'Moved everything to the walk-in.' })
  })

  it('is resolved without one if it is a warning', async () => {
    const backend = withAlerts({ severity: 'warning' })
    const { user } = openFirst(backend)
    await user.click(await screen.findByRole('button', { name: 'Resolve' }))
    await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Resolve' }))
    await waitFor(() => expect(backend.posted.resolve).toMatchObject({ corrective_action: '' }))
  })

  it('is resolved in three taps, with what people say most', async () => {
    const backend = withAlerts({ severity: 'critical' })
    const { user } = openFirst(backend)
    await user.click(await screen.findByRole('button', { name: 'Resolve' }))
    const dialog = within(await screen.findByRole('dialog'))
    await user.click(dialog.getByRole('button', { name: 'Door closed' }))
    await user.click(dialog.getByRole('button', { name: 'Resolve' }))
    await waitFor(() => expect(backend.posted.resolve).toMatchObject({ corrective_action: 'Door closed' }))
  })

  it('asks what happened to the food, and how much it was', async () => {
    const backend = withAlerts({ severity: 'critical' })
    const { user } = openFirst(backend)
    await user.click(await screen.findByRole('button', { name: 'Resolve' }))
    const dialog = within(await screen.findByRole('dialog'))
    await user.click(dialog.getByRole('button', { name: 'Iced-up evaporator' }))
    await user.click(dialog.getByRole('button', { name: 'Food discarded' }))
    await user.click(dialog.getByRole('radio', { name: 'Discarded' }))
    await user.type(dialog.getByLabelText('How much'), '12 kg')
    await user.click(dialog.getByRole('button', { name: 'Resolve' }))
    await waitFor(() =>
      expect(backend.posted.resolve).toEqual({
        cause: 'Iced-up evaporator',
        corrective_action: 'Food discarded',
        disposition: 'Discarded',
        amount: '12 kg',
      }),
    )
  })

  it('is snoozed in two taps, and says until when', async () => {
    const backend = withAlerts({})
    const { user } = openFirst(backend)
    await user.click(await screen.findByRole('button', { name: 'Snooze' }))
    const dialog = within(await screen.findByRole('dialog'))
    await user.click(dialog.getByRole('button', { name: /^15 minutes/ }))
    expect(await screen.findByText(/^Snoozed until .*/, { selector: 'p' })).toBeVisible()
    const { until } = backend.posted.snooze as { until: string }
    expect(Date.parse(until) - Date.now()).toBeGreaterThan(14 * 60_000)
    expect(Date.parse(until) - Date.now()).toBeLessThanOrEqual(15 * 60_000)
  })

  it('is snoozed until a time of one’s own, but never for longer than a week', async () => {
    const backend = withAlerts({})
    const { user } = openFirst(backend)
    await user.click(await screen.findByRole('button', { name: 'Snooze' }))
    const dialog = within(await screen.findByRole('dialog'))
    await user.click(dialog.getByRole('button', { name: /Another time/ }))
    fireEvent.change(dialog.getByLabelText(/Until/), { target: { value: '2099-01-01T08:00' } })
    await user.click(dialog.getByRole('button', { name: 'Snooze' }))
    expect(await dialog.findByText('A snooze is at most 7 days long.')).toBeVisible()
    expect(backend.posted.snooze).toBeUndefined()
  })

  it('is given to a colleague who may see it, or to oneself first of all', async () => {
    const backend = withAlerts({})
    const elsewhere = aColleague('Elsa Elsewhere', 'staff', { sites: ['another'] })
    const own = aColleague('Casey Chef', 'manager', { is_you: true })
    backend.members = [elsewhere, aColleague('Sam Rivera', 'staff'), own]
    const { user } = openFirst(backend)
    await user.click(await screen.findByRole('button', { name: 'Assign' }))
    const dialog = within(await screen.findByRole('dialog'))
    const offered = (await dialog.findAllByRole('listitem')).map((item) => item.textContent)
    expect(offered).toEqual(['MeCasey Chef', 'Sam Riverastaff'])
    await user.click(dialog.getByRole('button', { name: /^Me/ }))
    expect((await screen.findAllByText('Assigned to Casey Chef'))[0]).toBeVisible()
    expect(backend.posted.assign).toMatchObject({ user: own.user.id })
  })

  it('takes comments, which nobody can change', async () => {
    const backend = withAlerts({})
    const { user } = openFirst(backend)
    const timeline = within(await section('Timeline'))
    await user.type(await timeline.findByLabelText('Comment'), 'Looks like the compressor.')
    await user.click(timeline.getByRole('button', { name: 'Send' }))
    expect(await timeline.findByText('Comment by Casey Chef')).toBeVisible()
    expect(timeline.getByText(/web app/)).toBeVisible()
    expect(timeline.getByLabelText('Comment')).toHaveValue('')
  })

  it('is opened again with the reason', async () => {
    const backend = withAlerts({ status: 'resolved', resolved_at: ago(60) })
    const { user } = openFirst(backend)
    await user.click(await screen.findByRole('button', { name: 'Open again' }))
    const dialog = within(await screen.findByRole('dialog'))
    await user.click(dialog.getByRole('button', { name: 'Open again' }))
    expect(await dialog.findByText(/Say why/)).toBeVisible()
    expect(backend.posted.reopen).toBeUndefined()
    await user.type(dialog.getByLabelText('Why'), 'It is warm again.')
    await user.click(dialog.getByRole('button', { name: 'Open again' }))
    expect(await screen.findByRole('button', { name: 'Acknowledge' })).toBeVisible()
  })

  it('says why it opened, from what was found then', async () => {
    const facts = {
      terms: {
        condition: 'above',
        threshold: 8,
        delay_s: 1800,
        hysteresis: 1,
        clear_delay_s: 600,
        schedule: 'opening_hours',
      },
      signal: 'product_temperature',
      reason: 'In force: the most specific rule, made for its kind of unit.',
      counted_s: 1860,
      frozen_s: 1200,
    }
    const backend = withAlerts({ facts })
    backend.me = { ...aMe(), temperature_unit: 'f' }
    openFirst(backend)
    const why = within(await section('Why did this alert open?'))
    expect(why.getByText(/estimated temperature of the product: not above 46.4.°F. It was 47.1.°F/)).toBeVisible()
    expect(why.getByText(/lasted for 31.min, and the rule waits for 30.min/)).toBeVisible()
    expect(why.getByText(/20.min without readings didn't count/)).toBeVisible()
    expect(why.getByText(/opening hours only/)).toBeVisible()
    expect(why.getByText(/back at 44.6.°F, 1.8.°F inside the limit for 10.min/)).toBeVisible()
  })

  it('says in plain words what is special about it', async () => {
    const backend = withAlerts({ found_at: ago(0), opened_at: ago(7205), contradicted_at: ago(0) })
    const [unit] = backend.units
    const whole = anAlert(unit ?? ({} as never), { condition: 'no_data', gateway: 'g', unit: null, unit_name: '' })
    const [first] = backend.alerts
    if (first) backend.alerts = [{ ...first, parent: whole.id }, whole]
    openFirst(backend)
    expect(await screen.findByText('It never happened')).toBeVisible()
    expect(await screen.findByText(/readings came 2.h after it should have opened/)).toBeVisible()
    expect(await screen.findByText('Part of a silent gateway')).toBeVisible()
    expect(await screen.findByRole('link', { name: 'Harbour Street Kitchen: gateway silent' })).toBeVisible()
  })

  it('has a long story folded in the middle, the newest at hand', async () => {
    const backend = withAlerts({})
    backend.events = Array.from({ length: 200 }, (_, place) =>
      anEvent({ event: 'commented', by: 'me', note: `Remark ${place}`, at: ago(9000 - place) }),
    )
    const { user } = openFirst(backend)
    const timeline = within(await section('Timeline'))
    expect(await timeline.findByText('Remark 199')).toBeVisible()
    expect(timeline.getByText('Remark 0')).toBeVisible()
    expect(timeline.queryByText('Remark 100')).not.toBeInTheDocument()
    await user.click(timeline.getByRole('button', { name: 'Show 190 between' }))
    expect(timeline.getByText('Remark 100')).toBeVisible()
  })

  it('is one of 130 on pages, which are counted no further than 99', async () => {
    const backend = withAlerts({})
    const [unit] = backend.units
    backend.alerts = Array.from({ length: 130 }, (_, place) =>
      anAlert(unit ?? ({} as never), { unit_name: `Fridge ${place}`, opened_at: ago(place) }),
    )
    const { user } = openApp('/o/demo/alerts?status=open')
    const open = within(await section('Open'))
    expect(await open.findByText('99+')).toBeVisible()
    expect(open.getAllByRole('listitem')).toHaveLength(25)
    await user.click(open.getByRole('button', { name: 'Show older' }))
    await waitFor(() => expect(open.getAllByRole('listitem')).toHaveLength(50))
  })

  it("shows the server's reason when somebody else was faster", async () => {
    const backend = withAlerts({})
    const { user } = openFirst(backend)
    await user.click(await screen.findByRole('button', { name: 'Acknowledge' }))
    backend.alerts = backend.alerts.map((alert) => ({ ...alert, status: 'resolved' as const }))
    const dialog = await screen.findByRole('dialog')
    await user.click(within(dialog).getByRole('button', { name: 'Acknowledge' }))
    expect(await screen.findByText('This alert is already resolved.')).toBeInTheDocument()
  })

  it.each<[Role, boolean]>([
    ['viewer', false],
    ['staff', true],
    ['owner', true],
  ])('offers a %s to acknowledge: %s', async (role, offered) => {
    const backend = withAlerts({})
    backend.me = aMe(role)
    openFirst(backend)
    await screen.findByRole('heading', { name: 'Counter fridge: too warm' })
    expect(screen.queryByRole('button', { name: 'Acknowledge' }) !== null).toBe(offered)
    expect(screen.queryByText(/As a viewer you can look/) !== null).toBe(!offered)
  })

  it('that does not exist says so', async () => {
    startBackend()
    openApp('/o/demo/alerts/00000000-0000-7000-8000-00000000dead')
    expect(await screen.findByText(/This alert doesn't exist/)).toBeVisible()
  })

  it('offers another try when it cannot be loaded', async () => {
    const backend = withAlerts({})
    server.use(http.get('*/api/v1/orgs/:org/alerts/:id/', () => HttpResponse.error(), { once: true }))
    const { user } = openFirst(backend)
    expect(await screen.findByText(/FreshTrack can't be reached/)).toBeVisible()
    await user.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await screen.findByRole('heading', { name: 'Counter fridge: too warm' })).toBeVisible()
  })
})
