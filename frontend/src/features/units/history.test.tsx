import { screen, waitFor, within } from '@testing-library/react'
import { HttpResponse } from 'msw'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Readings } from '@/shared/api/types'
import { openApp } from '@/testing/app'
import { type Backend, startBackend } from '@/testing/backend'
import { ago, anAlert, aRule, aSensor } from '@/testing/make'

const DAY = 86_400

const bucket = (seconds: number, min: number, max: number) => ({
  at: new Date(Math.floor((Date.now() - seconds * 1000) / 3_600_000) * 3_600_000).toISOString(),
  min,
  avg: (min + max) / 2,
  max,
  count: 12,
})

/** A backend whose unit was measured by day and by hour. */
function measured(): Backend {
  const backend = startBackend()
  const [unit] = backend.units
  if (!unit) throw new Error('the backend has no unit')
  backend.sensors = [aSensor(unit)]
  backend.readings = {
    resolution: 'day',
    merged: 1,
    results: [bucket(40 * DAY, 2, 4), bucket(39 * DAY, 1, 15.7), bucket(2 * DAY, 2, 5)],
  } as unknown as Readings
  return backend
}

const open = (backend: Backend, search = '') => openApp(`/o/demo/units/${backend.units[0]?.id}${search}`)
const asked = (backend: Backend) =>
  backend.asked
    .filter((each) => each.includes('/readings/'))
    .map((each) => new URL(each.replace('GET ', ''), 'http://x').searchParams)

describe("a unit's history", () => {
  it('shows a year by day, asked for once, with its highest in words', async () => {
    const backend = measured()
    open(backend, '?range=1y')
    await screen.findByRole('img', { name: /last year: lowest 1.0.°C.*highest 15.7.°C/ })
    expect(asked(backend)).toHaveLength(1)
    expect(asked(backend)[0]?.get('resolution')).toBe('day')
    expect(screen.getByText(/lowest to highest by day/)).toHaveTextContent('times of Berlin')
  })

  it('zooms by keys around what is shown, and finds its way back', async () => {
    const backend = measured()
    const { user, address } = open(backend, '?range=1y')
    const chart = await screen.findByRole('group', { name: /Temperature chart/ })
    chart.focus()
    await user.keyboard('++')
    await waitFor(() => expect(address()).toContain('from='))
    const search = new URLSearchParams(address().split('?')[1])
    const days = (Date.parse(search.get('to') ?? '') - Date.parse(search.get('from') ?? '')) / 86_400_000
    expect(days).toBeCloseTo(365 / 4, 0)
    await user.click(screen.getByRole('button', { name: 'Back to what was shown before' }))
    await waitFor(() => expect(address()).toContain('range=1y'))
    expect(address()).not.toContain('from=')
  })

  it('reads values out, point by point', async () => {
    const backend = measured()
    const { user } = open(backend, '?range=1y')
    const chart = await screen.findByRole('group', { name: /Temperature chart/ })
    chart.focus()
    await user.keyboard('{End}')
    expect(await within(chart).findByText(/2026: 2.00.°C to 5.00.°C, average 3.50.°C/)).toBeInTheDocument()
  })

  it('moves by its buttons, and not into the future', async () => {
    const backend = measured()
    const { user, address } = open(backend, '?range=30d')
    expect(await screen.findByRole('button', { name: 'Later' })).toHaveAttribute('aria-disabled', 'true')
    await user.click(screen.getByRole('button', { name: 'Earlier' }))
    await waitFor(() => expect(address()).toContain('from='))
    expect(screen.getByRole('button', { name: 'Later' })).not.toHaveAttribute('aria-disabled')
  })

  it('shows a time that somebody chose, on the clock of the site', async () => {
    const backend = measured()
    const { user, address } = open(backend)
    await user.click(await screen.findByRole('button', { name: 'Choose a time' }))
    const dialog = await screen.findByRole('dialog', { name: 'Choose a time' })
    await user.clear(within(dialog).getByLabelText('From'))
    await user.type(within(dialog).getByLabelText('From'), '2026-07-01T00:00')
    await user.clear(within(dialog).getByLabelText('To'))
    await user.type(within(dialog).getByLabelText('To'), '2026-06-30T00:00')
    expect(within(dialog).getByText('This must be after the start.')).toBeVisible()
    expect(within(dialog).getByRole('button', { name: 'Show' })).toBeDisabled()
    await user.clear(within(dialog).getByLabelText('To'))
    await user.type(within(dialog).getByLabelText('To'), '2026-07-02T00:00')
    await user.click(within(dialog).getByRole('button', { name: 'Show' }))
    // Berlin is two hours ahead in summer.
    await waitFor(() =>
      expect(decodeURIComponent(address())).toContain('from=2026-06-30T22:00:00Z&to=2026-07-01T22:00:00Z'),
    )
  })

  it('says from when on the plan shows readings', async () => {
    const backend = measured()
    backend.readings = { ...backend.readings, shown_from: '2026-08-21T00:00:00Z' } as unknown as Readings
    open(backend, '?range=1y')
    expect(await screen.findByText(/Your plan shows readings from (21 Aug|Aug 21,) 2026 on/)).toBeVisible()
  })

  it('tells how long the unit was within its limits', async () => {
    const backend = measured()
    backend.rules = [aRule({ threshold: 5, scope: {} })]
    const hour = 3600
    backend.statistics = {
      from: ago(365 * DAY),
      to: ago(0),
      shown_from: null,
      measured_s: 1000 * hour,
      in_range_s: 998 * hour,
      above_s: 2 * hour,
      below_s: 0,
      min: 1,
      avg: 3.1,
      max: 15.7,
      count: 12_000,
    }
    open(backend, '?range=1y')
    expect(await screen.findByText(/99.8.% of the time/)).toHaveTextContent('2 h above')
    expect(screen.getByText(/Within limits \(up to 5.0.°C\)/)).toBeVisible()
  })

  it('has a line for each sensor, which can be put away', async () => {
    const backend = measured()
    const [unit] = backend.units
    if (!unit) return
    const [upper, lower] = [aSensor(unit, { name: 'Upper' }), aSensor(unit, { name: 'Lower', serial: 'L' })]
    backend.sensors = [upper, lower]
    backend.readingsOf = {
      [lower.id]: { resolution: 'day', merged: 1, results: [bucket(20 * DAY, -3, 0)] } as unknown as Readings,
    }
    const { user } = open(backend, '?range=1y')
    expect(await screen.findByRole('img', { name: /lowest −3.0/ })).toBeVisible()
    const lines = screen.getByRole('list', { name: 'Lines of the chart' })
    const button = within(lines).getByRole('button', { name: 'Lower' })
    await user.click(button)
    expect(button).toHaveAttribute('aria-pressed', 'false')
  })

  it('shows the same as a table, with its file', async () => {
    const backend = measured()
    const { user, address } = open(backend, '?range=1y')
    await user.click(await screen.findByRole('button', { name: 'Show as a table' }))
    const rows = await screen.findAllByRole('row')
    expect(rows).toHaveLength(4)
    expect(rows[1]).toHaveTextContent(/2.00.°C3.50.°C5.00.°C/)
    expect(address()).toContain('as=table')
    const file = new URL((await screen.findByRole('link', { name: /CSV/ })).getAttribute('href') ?? '', 'http://x')
    expect(file.searchParams.get('format')).toBe('csv')
    expect(file.searchParams.get('resolution')).toBe('day')
  })

  it('marks its alerts on the time axis; each opens', async () => {
    const backend = measured()
    const [unit] = backend.units
    if (!unit) return
    const alert = anAlert(unit, { status: 'resolved', started_at: ago(9 * DAY), resolved_at: ago(8 * DAY) })
    backend.alerts = [alert]
    const { user, address } = open(backend, '?range=30d')
    const marks = await screen.findByRole('list', { name: 'Alerts in this time' })
    await user.click(within(marks).getByRole('link', { name: /Critical: Too warm/ }))
    await waitFor(() => expect(address()).toContain(`/alerts/${alert.id}`))
  })

  it('grows by live readings without another request', async () => {
    const backend = measured()
    open(backend, '?range=1y')
    await screen.findByRole('img', { name: /highest 15.7/ })
    await waitFor(() => expect(backend.sockets).toBe(1))
    const before = asked(backend).length
    const [unit] = backend.units
    const [sensor] = backend.sensors
    if (!unit || !sensor) return
    const batch = [
      { unit: unit.id, sensor: sensor.id, site: unit.site, recorded_at: ago(0), temperature: 21, humidity: null },
    ]
    backend.say({ type: 'readings', cursor: 'c-1', batch })
    expect(await screen.findByRole('img', { name: /highest 21.0/ })).toBeVisible()
    expect(asked(backend)).toHaveLength(before)
  })
})

describe('an export', () => {
  afterEach(() => vi.unstubAllGlobals())

  /** The browser keeps the last file that was made here. */
  function files(): Blob[] {
    const made: Blob[] = []
    vi.stubGlobal(
      'URL',
      Object.assign(URL, {
        createObjectURL: (blob: Blob) => `blob:${made.push(blob)}`,
        revokeObjectURL: () => {},
      }),
    )
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => {})
    return made
  }

  const csv = (text: string, rows: number, exact = true) =>
    new HttpResponse(text, {
      headers: { 'Content-Type': 'text/csv', 'X-Total-Rows': String(rows), 'X-Total-Rows-Exact': String(exact) },
    })

  async function openDialog(backend: Backend) {
    const { user } = open(backend)
    await user.click(await screen.findByRole('button', { name: 'Export…' }))
    return { user, dialog: await screen.findByRole('dialog', { name: 'Export readings of Counter fridge' }) }
  }

  it('says how big it will be, and saves what came', async () => {
    const made = files()
    const backend = measured()
    backend.file = () => csv('at,min\r\n1,2\r\n3,4\r\n', 2)
    const { user, dialog } = await openDialog(backend)
    expect(dialog).toHaveTextContent(/About 1,440 rows if every sensor reported on time, roughly 189.kB/)
    await user.click(within(dialog).getByRole('radio', { name: /By hour/ }))
    expect(dialog).toHaveTextContent(/About 25 rows/)
    await user.click(within(dialog).getByRole('button', { name: 'Download' }))
    expect(await within(dialog).findByText(/Saved as counter-fridge_.*_by-hour.csv: 2 rows/)).toBeVisible()
    expect(await made[0]?.text()).toBe('at,min\r\n1,2\r\n3,4\r\n')
    expect(asked(backend).at(-1)?.get('resolution')).toBe('hour')
  })

  it('says in words why it was refused', async () => {
    const made = files()
    const backend = measured()
    backend.file = () =>
      HttpResponse.json({ status: 406, code: 'not_acceptable', detail: 'Not here.' }, { status: 406 })
    const { user, dialog } = await openDialog(backend)
    await user.click(within(dialog).getByRole('button', { name: 'Download' }))
    expect(await within(dialog).findByRole('alert')).toHaveTextContent('Not here.')
    expect(within(dialog).getByRole('button', { name: 'Download' })).toBeEnabled()
    expect(made).toEqual([])
  })

  it('never passes a part off as the whole', async () => {
    const made = files()
    const backend = measured()
    backend.file = () => csv('at,min\r\n1,2\r\n', 3)
    const { user, dialog } = await openDialog(backend)
    await user.click(within(dialog).getByRole('button', { name: 'Download' }))
    expect(await within(dialog).findByRole('alert')).toHaveTextContent('broke off after 1 rows')
    expect(made).toEqual([])
  })

  it('can be given up while it runs', async () => {
    const made = files()
    const backend = measured()
    backend.file = () =>
      new HttpResponse(
        new ReadableStream({
          start: (out) => out.enqueue(new TextEncoder().encode('at,min\r\n1,2\r\n')),
        }),
        { headers: { 'Content-Type': 'text/csv', 'X-Total-Rows': '4', 'X-Total-Rows-Exact': 'true' } },
      )
    const { user, dialog } = await openDialog(backend)
    await user.click(within(dialog).getByRole('button', { name: 'Download' }))
    const bar = await within(dialog).findByRole('progressbar', { name: 'Download' })
    await waitFor(() => expect(bar).toHaveAttribute('aria-valuetext', expect.stringMatching(/of 4 rows/)))
    await user.click(within(dialog).getByRole('button', { name: 'Cancel download' }))
    expect(await within(dialog).findByText('Cancelled: nothing was saved.')).toBeVisible()
    expect(made).toEqual([])
  })
})
