import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { screen, waitFor, within } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import type { Role } from '@/shared/api/types'
import { openApp } from '@/testing/app'
import { startBackend } from '@/testing/backend'
import { aColleague, ago, aMe, aMembership, anOffer, anOrganization, aSite } from '@/testing/make'
import { TABLE } from '@/testing/permissions'
import { ROLES } from './roles'
import { slugOf } from './slugs'

const nobody = () => ({ ...aMe(), memberships: [] })

describe('a new organization', () => {
  it('is made of a name; the address follows it until somebody types another', async () => {
    const backend = startBackend({ me: nobody() })
    const { user, address } = openApp('/')
    await user.click(await screen.findByRole('link', { name: 'New organization' }))
    await user.type(await screen.findByLabelText('Name'), 'Café Zwölf & Co.')
    expect(screen.getByLabelText('Address')).toHaveValue('cafe-zwolf-co')
    await user.click(screen.getByRole('button', { name: 'Create organization' }))
    expect(await screen.findByRole('heading', { name: 'Dashboard' })).toBeVisible()
    expect(address()).toBe('/o/made-of-its-name')
    expect(backend.posted.organization).toMatchObject({ name: 'Café Zwölf & Co.' })
    expect(backend.posted.organization).not.toHaveProperty('slug')
  })

  it.each([
    ['taken', /is taken/],
    ['admin', /reserved/],
  ])('says at the address that %s is refused', async (slug, words) => {
    startBackend()
    const { user } = openApp('/new-organization')
    await user.type(await screen.findByLabelText('Name'), 'Somewhere')
    await user.clear(screen.getByLabelText('Address'))
    await user.type(screen.getByLabelText('Address'), slug)
    await user.click(screen.getByRole('button', { name: 'Create organization' }))
    await waitFor(() => expect(screen.getByLabelText('Address')).toHaveAccessibleDescription(words))
  })

  it('has a time zone that is found by part of its name', async () => {
    const backend = startBackend()
    const { user } = openApp('/new-organization')
    await user.type(await screen.findByLabelText('Name'), 'Somewhere')
    const zone = screen.getByRole('combobox', { name: 'Time zone' })
    await user.clear(zone)
    await user.type(zone, 'lisb')
    await user.click(await screen.findByRole('option', { name: 'Europe/Lisbon' }))
    await user.click(screen.getByRole('button', { name: 'Create organization' }))
    await waitFor(() => expect(backend.posted.organization).toMatchObject({ timezone: 'Europe/Lisbon' }))
  })

  it.each([
    ['Café Zwölf & Co.', 'cafe-zwolf-co'],
    ['  -- Fish__Market --', 'fish-market'],
    ['寿司', ''],
  ])('%s would be found at %s', (name, slug) => expect(slugOf(name)).toBe(slug))
})

describe('somebody without an organization', () => {
  it('joins where they were invited', async () => {
    startBackend({ me: nobody(), offers: [anOffer('Old Town Group', { role: 'manager' })] })
    const { user, address } = openApp('/')
    const panel = await screen.findByRole('region', { name: 'You are invited' })
    expect(panel).toHaveTextContent(/Old Town Group.*As manager, by Mara Manager/)
    await user.click(within(panel).getByRole('button', { name: 'Join Old Town Group' }))
    expect(await screen.findByRole('heading', { name: 'Dashboard' })).toBeVisible()
    expect(address()).toBe('/o/joined')
  })

  it('is told when an invitation came too late', async () => {
    startBackend({ me: nobody(), offers: [anOffer('Old Town Group', { state: 'expired' })] })
    const { user } = openApp('/')
    await user.click(await screen.findByRole('button', { name: 'Join Old Town Group' }))
    expect(await screen.findByRole('alert')).toHaveTextContent('has expired')
  })

  it('brings back what they deleted', async () => {
    const deleted = anOrganization({ slug: 'gone', name: 'Gone Foods', deleted_at: ago(60), purge_at: ago(-86_400) })
    startBackend({ me: nobody(), organizations: [deleted] })
    const { user, address } = openApp('/')
    await user.click(await screen.findByRole('button', { name: 'Restore Gone Foods' }))
    await waitFor(() => expect(address()).toBe('/o/gone'))
  })
})

describe('settings', () => {
  it('sends only what was changed', async () => {
    const backend = startBackend({ me: aMe('admin') })
    const { user } = openApp('/o/demo/settings')
    const name = await screen.findByLabelText('Name')
    expect(screen.getByRole('button', { name: 'Save' })).toBeDisabled()
    await user.clear(name)
    await user.type(name, 'Harbour Group')
    await user.click(screen.getByRole('button', { name: 'Save' }))
    expect((await screen.findAllByText('Harbour Group')).length).toBeGreaterThan(0)
    expect(backend.posted.settings).toEqual({ name: 'Harbour Group' })
  })

  it('warns before links change, and stays on the page under the new address', async () => {
    startBackend({ me: aMe('owner') })
    const { user, address } = openApp('/o/demo/settings')
    const field = await screen.findByLabelText('Address')
    await user.clear(field)
    await user.type(field, 'harbour')
    expect(screen.getByText(/Every link changes/)).toBeVisible()
    await user.click(screen.getByRole('button', { name: 'Save' }))
    await waitFor(() => expect(address()).toBe('/o/harbour/settings'))
    expect(await screen.findByLabelText('Address')).toHaveValue('harbour')
  })

  it('shows what the server refuses beside its field', async () => {
    startBackend({ me: aMe('owner') })
    const { user } = openApp('/o/demo/settings')
    const email = await screen.findByLabelText('E-mail for invoices')
    await user.clear(email)
    await user.type(email, 'nonsense')
    await user.click(screen.getByRole('button', { name: 'Save' }))
    await waitFor(() => expect(email).toHaveAccessibleDescription(/valid email/))
  })

  it('deletes only after the name was typed', async () => {
    const backend = startBackend({ me: aMe('owner') })
    const { user } = openApp('/o/demo/settings')
    await user.click(await screen.findByRole('button', { name: 'Delete' }))
    const dialog = await screen.findByRole('dialog', { name: 'Delete Harbour Foods?' })
    expect(dialog).toHaveTextContent(/For 30 days any owner can restore/)
    const last = within(dialog).getByRole('button', { name: 'Delete organization' })
    expect(last).toBeDisabled()
    await user.type(within(dialog).getByLabelText(/to confirm/), 'Harbour Foods')
    await user.click(last)
    expect(await screen.findByRole('button', { name: 'Restore Harbour Foods' })).toBeVisible()
    expect(backend.asked).toContain('DELETE /api/v1/orgs/demo/')
  })

  it('hands ownership to a member, and offers less afterwards', async () => {
    const backend = startBackend({
      me: aMe('owner'),
      members: [aColleague('Olivia Owner', 'owner', { is_you: true }), aColleague('Adam Admin', 'admin')],
    })
    const { user } = openApp('/o/demo/settings')
    await user.click(await screen.findByRole('button', { name: 'Transfer' }))
    const dialog = await screen.findByRole('dialog', { name: 'Transfer ownership' })
    await user.click(within(dialog).getByRole('combobox', { name: 'New owner' }))
    await user.click(await screen.findByRole('option', { name: /Adam Admin/ }))
    await user.click(within(dialog).getByRole('button', { name: 'Transfer ownership' }))
    await waitFor(() => expect(backend.posted.handOver).toEqual({ step_down: true }))
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Transfer' })).not.toBeInTheDocument())
    expect(screen.queryByRole('button', { name: 'Delete' })).not.toBeInTheDocument()
  })
})

describe('a renamed organization', () => {
  it('is found under its old address, page and filters included', async () => {
    startBackend({ me: { ...aMe(), memberships: [aMembership('harbour')] }, moved: { demo: 'harbour' } })
    const { address } = openApp('/o/demo/alerts?status=open')
    expect(await screen.findByRole('heading', { name: 'Alerts' })).toBeVisible()
    expect(address()).toBe('/o/harbour/alerts?status=open')
  })

  it("isn't found by strangers", async () => {
    startBackend()
    openApp('/o/elsewhere/alerts')
    expect(await screen.findByText('This address leads nowhere')).toBeVisible()
  })
})

describe('the menu', () => {
  const words = [
    'Dashboard',
    'Alerts',
    'Rules',
    'Mutes',
    'Escalation',
    'On call',
    'Coverage',
    'Sites',
    'Members',
    'API keys',
    'Refused',
    'Deliveries',
    'Audit trail',
    'Settings',
    'Notifications',
    'Account',
  ]

  it.each<[Role, string[]]>([
    ['owner', words],
    ['admin', words],
    ['manager', words.filter((word) => !['API keys', 'Audit trail', 'Settings'].includes(word))],
    [
      'viewer',
      [
        'Dashboard',
        'Alerts',
        'Rules',
        'Mutes',
        'Escalation',
        'On call',
        'Sites',
        'Members',
        'Notifications',
        'Account',
      ],
    ],
  ])('offers a %s what they may', async (role, offered) => {
    startBackend({ me: aMe(role) })
    openApp()
    const menu = within(await screen.findByRole('navigation', { name: 'Main' }))
    expect(menu.getAllByRole('link').map((link) => link.textContent)).toEqual(offered)
  })

  it.each(['settings', 'keys', 'audit'])('has no page of %s for a viewer who knows its address', async (page) => {
    startBackend({ me: aMe('viewer') })
    openApp(`/o/demo/${page}`)
    expect(await screen.findByText("This page isn't for your role")).toBeVisible()
  })

  it('leads to every organization and to a new one', async () => {
    startBackend({ me: aMe('owner', 'other') })
    const { user, address } = openApp()
    await user.click(await screen.findByRole('button', { name: 'Organization: Harbour Foods' }))
    expect(await screen.findByRole('menuitem', { name: 'New organization' })).toBeInTheDocument()
    await user.click(screen.getByRole('menuitem', { name: 'Organization other' }))
    await waitFor(() => expect(address()).toBe('/o/other'))
  })

  it('keeps the rest behind "More" on a phone', async () => {
    startBackend({ me: aMe('owner', 'other') })
    const { user, address } = openApp()
    await user.click(await screen.findByRole('button', { name: 'More' }))
    const sheet = within(await screen.findByRole('dialog', { name: 'Harbour Foods' }))
    expect(sheet.getByRole('link', { name: /Organization other/ })).toBeInTheDocument()
    await user.click(sheet.getByRole('link', { name: 'Settings' }))
    await waitFor(() => expect(address()).toBe('/o/demo/settings'))
    await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument())
  })

  it('tells a restricted member which sites they see', async () => {
    const site = aSite({ name: 'Old Town Bar' })
    const me = { ...aMe(), memberships: [aMembership('demo', 'manager', { sites: [site.id] })] }
    startBackend({ me, sites: [site] })
    openApp()
    expect(await screen.findByText('You see Old Town Bar only.')).toBeInTheDocument()
  })

  it('follows a new role without a reload', async () => {
    const backend = startBackend({ me: aMe('owner') })
    openApp()
    const menu = within(await screen.findByRole('navigation', { name: 'Main' }))
    expect(menu.getByRole('link', { name: 'Audit trail' })).toBeInTheDocument()
    await waitFor(() => expect(screen.getAllByText('Live')[0]).toBeInTheDocument())
    backend.me = aMe('staff')
    backend.say({ type: 'change', cursor: 'c-1', entity: 'membership', id: 'm', action: 'update' })
    await waitFor(() => expect(menu.queryByRole('link', { name: 'Audit trail' })).not.toBeInTheDocument())
  })
})

describe('the words of roles', () => {
  it('say of each role what the permission table says', () => {
    expect(TABLE.length).toBeGreaterThan(20)
    const least = new Map(TABLE.map(({ action, least }) => [action, least]))
    for (const [role, { about }] of Object.entries(ROLES)) {
      for (const action of about) expect([action, least.get(action)]).toEqual([action, role])
    }
  })

  it('come from a table that the docs show as well', () => {
    const docs = readFileSync(join(import.meta.dirname, '../../../../docs/permissions.md'), 'utf8')
    for (const { action } of TABLE) expect(docs).toContain(`\`${action}\``)
  })
})
