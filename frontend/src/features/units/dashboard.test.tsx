import { screen, waitFor, within } from '@testing-library/react'
import { HttpResponse, http } from 'msw'
import { describe, expect, it } from 'vitest'
import { openApp } from '@/testing/app'
import { type Backend, startBackend } from '@/testing/backend'
import { ago, aMe, anAlert, anArea, aSite, aUnit } from '@/testing/make'
import { server } from '@/testing/server'

const tile = async (name: string): Promise<HTMLElement> => {
  const link = await screen.findByRole('link', { name })
  return link.closest('article') as HTMLElement
}

const connected = (backend: Backend) =>
  waitFor(() => {
    expect(backend.sockets).toBe(1)
    expect(screen.getAllByText('Live')[0]).toBeInTheDocument()
  })

function reading(backend: Backend, temperature: number | null, fields: { humidity?: number; at?: string } = {}) {
  const unit = backend.units[0]
  if (!unit) throw new Error('the backend has no unit')
  backend.say({
    type: 'readings',
    cursor: 'c-1',
    batch: [
      {
        unit: unit.id,
        site: unit.site,
        sensor: 'some-sensor',
        recorded_at: fields.at ?? new Date().toISOString(),
        temperature,
        humidity: fields.humidity ?? null,
      },
    ],
  })
}

function twoSites(): Partial<Backend> {
  const [kitchen, pharmacy] = [aSite(), aSite({ name: 'Old Town Pharmacy' })]
  const [counter, dispensary] = [anArea(kitchen), anArea(pharmacy, 'Dispensary')]
  return {
    sites: [kitchen, pharmacy],
    areas: [counter, dispensary],
    units: [
      aUnit(counter, { name: 'Counter fridge', status: 'warning', temperature: 6.23, humidity: 61.4 }),
      aUnit(counter, { name: 'Walk-in freezer', kind: 'walk_in_freezer', temperature: -18.04 }),
      aUnit(dispensary, { name: 'Vaccine fridge', status: 'no_data', temperature: 4, recorded_at: ago(7200) }),
    ],
  }
}

describe('the dashboard', () => {
  it('shows each unit under its site, with temperature, humidity, age and its state as a word', async () => {
    startBackend(twoSites())
    openApp()
    const kitchen = await screen.findByRole('region', { name: 'Harbour Street Kitchen' })
    expect(within(kitchen).getAllByRole('article')).toHaveLength(2)
    expect(await tile('Counter fridge')).toHaveTextContent('6.2°C')
    expect(await tile('Counter fridge')).toHaveTextContent(/61\s%\sRH/)
    expect(await tile('Counter fridge')).toHaveTextContent('Warning')
    expect(await tile('Walk-in freezer')).toHaveTextContent('\u221218.0°C')
    expect(await tile('Vaccine fridge')).toHaveTextContent(/No data.*2\sh ago/)
  })

  it('changes a tile when a reading comes', async () => {
    const backend = startBackend()
    openApp()
    await tile('Counter fridge')
    await connected(backend)
    reading(backend, 7.8)
    await waitFor(async () => expect(await tile('Counter fridge')).toHaveTextContent('7.8°C'))
  })

  it('keeps the newest temperature when a late or a humidity-only reading comes', async () => {
    const backend = startBackend()
    openApp()
    await tile('Counter fridge')
    await connected(backend)
    reading(backend, 20, { at: ago(3600) })
    reading(backend, null, { humidity: 55 })
    await waitFor(async () => expect(await tile('Counter fridge')).toHaveTextContent('55'))
    expect(await tile('Counter fridge')).toHaveTextContent('3.4°C')
  })

  it('turns a tile critical with the alert, before the list is fetched again', async () => {
    const backend = startBackend()
    openApp()
    await tile('Counter fridge')
    await connected(backend)
    const [unit] = backend.units
    if (!unit) return
    server.use(http.get('*/api/v1/orgs/:org/units/', () => new Promise<Response>(() => {})))
    backend.say({ type: 'alert', cursor: 'c-2', event_id: 'e-1', event: 'opened', alert: anAlert(unit) })
    await waitFor(async () => expect(await tile('Counter fridge')).toHaveTextContent('Critical'))
  })

  it('counts the units by state, and a count shows only its units', async () => {
    startBackend(twoSites())
    const { user, address } = openApp()
    const counts = await screen.findByRole('group', { name: 'Units by status' })
    const warning = within(counts).getByRole('button', { name: '1 Warning' })
    await user.click(warning)
    expect(screen.getAllByRole('article')).toHaveLength(1)
    expect(warning).toHaveAttribute('aria-pressed', 'true')
    expect(address()).toBe('/o/demo?status=warning')
    await user.click(warning)
    expect(screen.getAllByRole('article')).toHaveLength(3)
  })

  it('shows only one site or only problems, and keeps that in the address', async () => {
    const backend = startBackend(twoSites())
    const { user, address } = openApp()
    await user.click(await screen.findByRole('switch', { name: 'Only problems' }))
    expect(screen.getAllByRole('article')).toHaveLength(2)
    await user.selectOptions(screen.getByLabelText('Site'), 'Old Town Pharmacy')
    expect(screen.getAllByRole('article')).toHaveLength(1)
    expect(address()).toContain(`site=${backend.sites[1]?.id}`)
    expect(address()).toContain('problems=true')
  })

  it('says so when there are no problems', async () => {
    startBackend()
    openApp('/o/demo?problems=true')
    expect(await screen.findByText(/every unit is within its limits/)).toBeVisible()
  })

  it('shows °F everywhere once a person asks for it, and their account remembers', async () => {
    const backend = startBackend(twoSites())
    const { user } = openApp('/o/demo/account')
    await user.click(await screen.findByRole('radio', { name: '°F' }))
    await user.click(screen.getByRole('link', { name: 'Dashboard' }))
    expect(await tile('Counter fridge')).toHaveTextContent('43.2°F')
    await waitFor(() => expect(backend.me?.temperature_unit).toBe('f'))
  })

  it('shows what the account says, whatever somebody else read on this device', async () => {
    localStorage.setItem('freshtrack.scale', 'F')
    const backend = startBackend(twoSites())
    const { client } = openApp()
    expect(await tile('Counter fridge')).toHaveTextContent('6.2°C')
    // Chosen on another device, and asked again here.
    backend.me = { ...aMe(), temperature_unit: 'f' }
    await client.invalidateQueries({ queryKey: ['me'] })
    await waitFor(async () => expect(await tile('Counter fridge')).toHaveTextContent('43.2°F'))
  })

  it('goes back to °C where the account refuses', async () => {
    startBackend(twoSites())
    server.use(http.patch('*/api/v1/me/', () => HttpResponse.json({ detail: 'Not now.' }, { status: 503 })))
    const { user } = openApp('/o/demo/account')
    await user.click(await screen.findByRole('radio', { name: '°F' }))
    await waitFor(() => expect(screen.getByRole('radio', { name: '°C' })).toBeChecked())
    expect(screen.getByRole('alert')).toBeVisible()
  })

  it('explains what a unit is to somebody who has none', async () => {
    startBackend({ units: [] })
    openApp()
    expect(await screen.findByText('No units yet')).toBeVisible()
  })

  it('says what went wrong and tries again when asked to', async () => {
    startBackend()
    server.use(
      http.get(
        '*/api/v1/orgs/:org/units/',
        () => HttpResponse.json({ detail: 'The database is away.' }, { status: 503 }),
        {
          once: true,
        },
      ),
    )
    const { user } = openApp()
    expect(await screen.findByRole('alert')).toHaveTextContent('The database is away.')
    await user.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await tile('Counter fridge')).toBeVisible()
  })
})
