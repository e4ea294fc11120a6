import { screen, waitFor } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import type { Readings } from '@/shared/api/types'
import { openApp } from '@/testing/app'
import { type Backend, startBackend } from '@/testing/backend'
import { ago, anAlert, aRule, aSensor } from '@/testing/make'

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
    const chart = await screen.findByRole('img', { name: /last 24 hours: lowest 2.5.°C.*highest 4.5.°C/ })
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

  it('lists the limits that bound it, from its kind and from itself', async () => {
    const backend = measured()
    const [unit] = backend.units
    backend.rules = [
      aRule({ scope: { unit_kind: 'reach_in_fridge' }, threshold: 5, severity: 'warning', delay_s: 1800 }),
      aRule({ scope: { unit: unit?.id }, threshold: 8, severity: 'critical', delay_s: 0, is_default: false }),
      aRule({ scope: { unit_kind: 'walk_in_freezer' }, threshold: -15 }),
    ]
    open(backend)
    const limits = (await screen.findByRole('heading', { name: 'Limits' })).closest('section') as HTMLElement
    await waitFor(() => expect(limits).toHaveTextContent(/Above 5.0.°C for 30.min.*Warning/))
    expect(limits).toHaveTextContent(/Above 8.0.°C.*Critical/)
    expect(limits).not.toHaveTextContent('15.0')
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
