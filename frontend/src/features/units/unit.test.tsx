import { screen, waitFor, within } from '@testing-library/react'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Readings } from '@/shared/api/types'
import { openApp } from '@/testing/app'
import { type Backend, startBackend } from '@/testing/backend'
import { ago, anAlert, aRule, aSensor } from '@/testing/make'

// Loaded with the first page that needs it: on a busy machine that takes longer than a test waits.
beforeAll(() => import('./TimeChart'))

/** A backend whose unit has one sensor and three readings. */
function measured(): Backend {
  const backend = startBackend()
  const [unit] = backend.units
  if (!unit) throw new Error('the backend has no unit')
  const sensor = aSensor(unit)
  backend.sensors = [sensor]
  backend.readings = {
    resolution: 'raw',
    merged: 1,
    results: [2.5, 4.5, 3.5].map((temperature, index) => ({
      recorded_at: ago(3600 - index * 60),
      sensor: sensor.id,
      temperature,
      humidity: null,
    })),
  } as Readings
  return backend
}

const open = (backend: Backend, search = '') => openApp(`/o/demo/units/${backend.units[0]?.id}${search}`)

describe("a unit's page", () => {
  it('shows the last 24 hours as a chart that can be read out', async () => {
    const backend = measured()
    open(backend)
    const wanted = { name: /last 24 hours: lowest 2.5.°C.*highest 4.5.°C/ }
    // The first page of this file loads everything, on a machine that may be doing much else.
    const chart = await screen.findByRole('img', wanted, { timeout: 20_000 })
    expect(chart).toBeVisible()
    const asked = backend.asked.find((each) => each.includes('/readings/')) ?? ''
    const query = new URL(asked.replace('GET ', ''), 'http://x').searchParams
    const hours = (Date.parse(query.get('to') ?? '') - Date.parse(query.get('from') ?? '')) / 3_600_000
    // A bit more than is shown, so that a small move asks for nothing.
    expect(hours).toBeGreaterThan(24)
    expect(hours).toBeLessThanOrEqual(48)
    expect(query.get('resolution')).toBe('raw')
    expect(Number(query.get('max_points'))).toBeLessThanOrEqual(2000)
  })

  it('grows with each reading that comes', async () => {
    const backend = measured()
    open(backend)
    await screen.findByRole('img', { name: /highest 4.5/ })
    await waitFor(() => expect(backend.sockets).toBe(1))
    const [unit] = backend.units
    const [sensor] = backend.sensors
    if (!unit || !sensor) return
    backend.say({
      type: 'readings',
      cursor: 'c-1',
      batch: [
        { unit: unit.id, sensor: sensor.id, site: unit.site, recorded_at: ago(0), temperature: 9.9, humidity: null },
      ],
    })
    expect(await screen.findByRole('img', { name: /highest 9.9/ })).toBeVisible()
    // The panel of now, and the sensor's row.
    expect(screen.getByRole('region', { name: 'Now' })).toHaveTextContent('9.9°C')
    expect(screen.getByText(sensor.serial).closest('li')).toHaveTextContent('9.9')
  })

  it('offers an hour to everything, and keeps the choice in the address', async () => {
    const backend = measured()
    const { user, address } = open(backend)
    await user.click(await screen.findByRole('radio', { name: '7 d' }))
    expect(address()).toContain('range=7d')
    expect(await screen.findByRole('img', { name: /last 7 days/ })).toBeVisible()
  })

  it('lists the rules that watch it, and why others do not', async () => {
    const backend = measured()
    const [unit] = backend.units
    const wide = aRule({ scope: {}, threshold: 6, severity: 'warning', delay_s: 0 })
    backend.rules = [
      aRule({ scope: { unit_kind: 'reach_in_fridge' }, threshold: 5, severity: 'warning', delay_s: 1800 }),
      aRule({ scope: { unit: unit?.id }, threshold: 8, severity: 'critical', delay_s: 0, is_default: false }),
      aRule({ scope: { unit_kind: 'walk_in_freezer' }, threshold: -15 }),
      wide,
    ]
    backend.notInForce = { [wide.id]: 'Not in force: replaced by a rule made for its kind of unit.' }
    open(backend)
    const rules = within(await screen.findByRole('region', { name: 'Rules here' }))
    const inForce = await rules.findByRole('list', { name: 'In force' })
    expect(inForce).toHaveTextContent(/Air above 8.0.°C.*Critical.*Air above 5.0.°C for 30.min.*Warning/)
    expect(inForce).not.toHaveTextContent('15.0')
    expect(rules.getByText(/replaced by a rule made for its kind of unit/)).toBeInTheDocument()
  })

  it('shows where the product was on request, and what the labels tell', async () => {
    const backend = measured()
    const [sensor] = backend.sensors
    backend.labels = [
      { kind: 'defrost', from: ago(3600), to: ago(2400), sensor: sensor?.id ?? '', peak: 9 },
      { kind: 'door_open', from: ago(1000), to: ago(940), sensor: sensor?.id ?? '', peak: 4 },
    ]
    backend.product = {
      tau_s: 3600,
      results: [{ at: ago(3600), sensor: sensor?.id ?? '', product_temperature: 3 }],
    }
    const { user } = open(backend)
    const legend = within(await screen.findByRole('list', { name: 'Lines of the chart' }))
    expect(await legend.findByText('Defrost')).toBeVisible()
    expect(legend.getByText('Door open')).toBeVisible()
    expect(screen.getByText('Defrosts').nextSibling).toHaveTextContent(/once 20.min/)
    expect(backend.asked.some((each) => each.includes('product-temperature'))).toBe(false)
    await user.click(legend.getByRole('button', { name: 'Product (estimate)' }))
    await waitFor(() => expect(backend.asked.some((each) => each.includes('product-temperature'))).toBe(true))
    expect(legend.getByRole('button', { name: 'Product (estimate)' })).toHaveAttribute('aria-pressed', 'true')
  })

  it('lists what happened to it', async () => {
    const backend = measured()
    const [unit] = backend.units
    if (unit) backend.alerts = [anAlert(unit, { status: 'resolved', resolved_at: ago(60) })]
    open(backend)
    expect(await screen.findByRole('link', { name: 'Too warm' })).toBeVisible()
  })

  it('says that nothing was measured where there is no reading', async () => {
    const backend = startBackend()
    open(backend)
    expect(await screen.findByText('No readings in this time')).toBeVisible()
    expect(screen.getByText('No sensor yet')).toBeVisible()
  })

  it('says that a unit of an unknown address does not exist', async () => {
    startBackend()
    openApp('/o/demo/units/00000000-0000-7000-8000-00000000dead')
    expect(await screen.findByText(/This unit doesn't exist/)).toBeVisible()
  })
})
