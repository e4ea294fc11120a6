import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { openApp } from '@/testing/app'
import { type Backend, startBackend } from '@/testing/backend'
import { aColleague, ago, aMe, aMute, anAlert } from '@/testing/make'
import { wrongTimes } from './MuteDialog'

const region = async (name: string) => within(await screen.findByRole('region', { name }))

function withAlert(): Backend {
  const backend = startBackend()
  const [unit] = backend.units
  if (!unit) throw new Error('the backend has no unit')
  backend.alerts = [anAlert(unit)]
  return backend
}

const openUnit = (backend: Backend) => openApp(`/o/demo/units/${backend.units[0]?.id}`)

describe('a mute', () => {
  it('is made from a unit in three taps, and says so at once with its end', async () => {
    const backend = withAlert()
    const { user } = openUnit(backend)
    await user.click(await screen.findByRole('button', { name: 'Mute' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Mute' }))
    expect(dialog.getByRole('radio', { name: 'This unit: Counter fridge' })).toBeChecked()
    await user.click(dialog.getByRole('radio', { name: '2 hours' }))
    await user.click(dialog.getByRole('button', { name: 'Mute' }))
    expect(await screen.findByText(/^Muted until .*left$/)).toBeVisible()
    const sent = backend.posted.mute as { unit: string; ends_at: string; kind: string }
    expect(sent).toMatchObject({ unit: backend.units[0]?.id, kind: 'mute' })
    expect(sent).not.toHaveProperty('starts_at')
    expect(Math.round((Date.parse(sent.ends_at) - Date.now()) / 60_000)).toBe(120)
  })

  it('is made from an alert for its site', async () => {
    const backend = withAlert()
    const { user } = openApp(`/o/demo/alerts/${backend.alerts[0]?.id}`)
    await user.click(await screen.findByRole('button', { name: 'Mute' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Mute' }))
    await user.click(dialog.getByRole('radio', { name: /The whole site/ }))
    await user.click(dialog.getByRole('button', { name: 'Mute' }))
    await waitFor(() => expect(backend.posted.mute).toMatchObject({ site: backend.sites[0]?.id }))
  })

  it('is a maintenance window from one moment to another', async () => {
    const backend = withAlert()
    const { user } = openUnit(backend)
    await user.click(await screen.findByRole('button', { name: 'Mute' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Mute' }))
    await user.click(dialog.getByRole('radio', { name: 'From – to' }))
    const field = (at: number) => new Date(Math.floor(at / 60_000) * 60_000).toISOString().slice(0, 16)
    fireEvent.change(dialog.getByLabelText('From'), { target: { value: field(Date.now() + 86_400_000 * 2) } })
    fireEvent.change(dialog.getByLabelText('To'), { target: { value: field(Date.now() + 86_400_000) } })
    await user.click(dialog.getByRole('button', { name: 'Mute' }))
    expect(await dialog.findByText('It must end after it begins.')).toBeVisible()
    fireEvent.change(dialog.getByLabelText('To'), { target: { value: field(Date.now() + 86_400_000 * 3) } })
    await user.type(dialog.getByLabelText('Reason'), 'Compressor is serviced')
    await user.click(dialog.getByRole('button', { name: 'Mute' }))
    await waitFor(() =>
      expect(backend.posted.mute).toMatchObject({ kind: 'maintenance', reason: 'Compressor is serviced' }),
    )
    expect(backend.posted.mute).toHaveProperty('starts_at')
  })

  it('always ends, in the future and within 30 days', () => {
    const now = Date.now()
    expect(wrongTimes({ starts: null, ends: now + 60_000 }, now)).toBeNull()
    expect(wrongTimes({ starts: null, ends: now }, now)).toMatch(/future/)
    expect(wrongTimes({ starts: now + 2000, ends: now + 1000 }, now)).toMatch(/after it begins/)
    expect(wrongTimes({ starts: null, ends: now + 31 * 86_400_000 }, now)).toMatch(/30 days/)
    expect(wrongTimes({ starts: null, ends: Number.NaN }, now)).toMatch(/date/)
  })

  it("isn't offered to those who may not", async () => {
    const backend = withAlert()
    backend.me = aMe('staff')
    openUnit(backend)
    await screen.findByRole('heading', { name: 'Counter fridge' })
    expect(screen.queryByRole('button', { name: 'Mute' })).not.toBeInTheDocument()
  })
})

describe('what is muted', () => {
  it('is told on the unit, of whatever it is a part, and can be ended', async () => {
    const backend = withAlert()
    backend.mutes = [
      aMute({ site: backend.sites[0]?.id, reason: 'Deep cleaning' }),
      aMute({ site: 'elsewhere', reason: 'Not here' }),
    ]
    const { user } = openUnit(backend)
    expect(await screen.findByText(/Deep cleaning. Nobody is told about Harbour Street Kitchen/)).toBeVisible()
    expect(screen.queryByText(/Not here/)).not.toBeInTheDocument()
    await user.click(screen.getByRole('button', { name: 'End now' }))
    await waitFor(() => expect(screen.queryByText(/Deep cleaning/)).not.toBeInTheDocument())
  })

  it('is told on an alert that was kept quiet, also when the mute is over', async () => {
    const backend = withAlert()
    const over = aMute({ active: false, ends_at: ago(60), unit: backend.units[0]?.id })
    backend.mutes = [over]
    backend.alerts = backend.alerts.map((alert) => ({ ...alert, muted_by: over.id }))
    openApp(`/o/demo/alerts/${backend.alerts[0]?.id}`)
    expect(await screen.findByText('It opened while nobody was to be told')).toBeVisible()
    expect(screen.getByText(/A mute of Counter fridge kept it quiet until/)).toBeVisible()
  })
})

describe('the page of mutes', () => {
  it('shows those of now, those to come and those that are over, with what they kept quiet', async () => {
    const backend = withAlert()
    const sam = aColleague('Sam Rivera', 'manager')
    backend.members = [sam]
    const unit = backend.units[0]?.id ?? null
    backend.mutes = [
      aMute({ unit, created_by: sam.user.id, silenced: 2 }),
      aMute({ active: false, kind: 'maintenance', reason: '', starts_at: ago(-86_400), ends_at: ago(-90_000) }),
      aMute({ active: false, ends_at: ago(60), reason: 'Delivery', silenced: 1 }),
    ]
    openApp('/o/demo/mutes')
    expect(await (await region('Now')).findByText(/by Sam Rivera · kept 2 alerts quiet/)).toBeVisible()
    expect(await (await region('Planned')).findByText('The whole organization')).toBeVisible()
    const over = await region('Over')
    expect(await over.findByText('Delivery')).toBeVisible()
    expect(over.getByText(/kept 1 alert quiet/)).toBeVisible()
    expect(over.queryByRole('button', { name: 'End now' })).not.toBeInTheDocument()
  })

  it('ends one at once', async () => {
    const backend = withAlert()
    backend.mutes = [aMute({})]
    const { user } = openApp('/o/demo/mutes')
    await user.click(await (await region('Now')).findByRole('button', { name: 'End now' }))
    expect(await (await region('Now')).findByText('Nothing is muted')).toBeVisible()
    expect(await (await region('Over')).findByText('Cleaning')).toBeVisible()
  })

  it('is read by a viewer, who changes nothing', async () => {
    const backend = withAlert()
    backend.me = aMe('viewer')
    backend.mutes = [aMute({})]
    openApp('/o/demo/mutes')
    await (await region('Now')).findByText('Cleaning')
    expect(screen.queryByRole('button', { name: 'End now' })).not.toBeInTheDocument()
    expect(screen.queryByRole('button', { name: 'New mute' })).not.toBeInTheDocument()
  })
})
