import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { openApp } from '@/testing/app'
import { startBackend } from '@/testing/backend'
import { ago, aMe } from '@/testing/make'
import { aContact, startTelling } from '@/testing/telling'

const PAGE = '/account/notifications'

const region = async (name: string) => within(await screen.findByRole('region', { name }))

/** The panels come with a part of the app that is loaded when it is needed. */
const where = () => region('Where you are told')
const how = () => region('How you are told')
const digests = () => region('Digests')

describe('where the person is told', () => {
  it('takes another address once the code that was sent there is typed', async () => {
    startBackend()
    const telling = startTelling()
    const { user } = openApp(PAGE)
    await user.click(await (await where()).findByRole('button', { name: 'Add' }))
    const adding = within(await screen.findByRole('dialog', { name: 'Add where you are told' }))
    await user.type(adding.getByLabelText('E-mail address'), 'night@example.com')
    await user.click(adding.getByRole('button', { name: 'Send code' }))
    const code = await screen.findByLabelText('Code that was sent to night@example.com')
    expect(telling.posted.contact).toEqual({ kind: 'email', address: 'night@example.com' })
    await user.type(code, '999999')
    expect(await screen.findByText('This code is wrong.')).toBeVisible()
    await user.clear(code)
    await user.type(code, '123456')
    await waitFor(async () => expect((await where()).getAllByText('Verified')).toHaveLength(2))
  })

  it('offers only the kinds that this installation sends by', async () => {
    startBackend()
    startTelling()
    const { user } = openApp(PAGE)
    await user.click(await (await where()).findByRole('button', { name: 'Add' }))
    const adding = within(await screen.findByRole('dialog', { name: 'Add where you are told' }))
    expect(adding.queryByLabelText('Kind')).not.toBeInTheDocument()
    expect((await how()).queryByText('Text message')).not.toBeInTheDocument()
  })

  it('says of an address that it has already', async () => {
    startBackend()
    startTelling()
    const { user } = openApp(PAGE)
    await user.click(await (await where()).findByRole('button', { name: 'Add' }))
    const adding = within(await screen.findByRole('dialog', { name: 'Add where you are told' }))
    await user.type(adding.getByLabelText('E-mail address'), 'chef@example.com')
    await user.click(adding.getByRole('button', { name: 'Send code' }))
    expect(await adding.findByText('You have this one already.')).toBeVisible()
  })

  it('says why an address is switched off, and switches it on again with a new code', async () => {
    startBackend()
    const off = aContact({ sign_in: true, disabled_at: ago(3600), disabled_because: 'The mailbox is full.' })
    const telling = startTelling({ contacts: [off] })
    const { user } = openApp(PAGE)
    const panel = await where()
    expect(await panel.findByText(/: The mailbox is full\. Check that the address is right/)).toBeVisible()
    await user.click(panel.getByRole('button', { name: 'Send a code to chef@example.com' }))
    await user.type(await screen.findByLabelText('Code that was sent to chef@example.com'), '123456')
    expect(await (await where()).findByText('Verified')).toBeVisible()
    expect(telling.posted.sent).toBe(off.id)
  })

  it('removes an address, but not the one that is signed in with', async () => {
    startBackend()
    startTelling({ contacts: [aContact({ sign_in: true }), aContact({ address: 'night@example.com' })] })
    const { user } = openApp(PAGE)
    const panel = await where()
    await user.click(await panel.findByRole('button', { name: 'Remove night@example.com' }))
    expect(panel.queryByRole('button', { name: 'Remove chef@example.com' })).not.toBeInTheDocument()
    const asking = within(await screen.findByRole('dialog', { name: 'Remove night@example.com?' }))
    await user.click(asking.getByRole('button', { name: 'Remove' }))
    await waitFor(async () => expect((await where()).queryByText('night@example.com')).not.toBeInTheDocument())
  })
})

describe('how the person is told', () => {
  it('is by e-mail of everything until something else is chosen, which replaces all of it', async () => {
    startBackend()
    const telling = startTelling()
    telling.wishes = { ...telling.wishes, preferences: [{ org: 'demo', severity: 'warning', channels: ['email'] }] }
    const { user } = openApp(PAGE)
    const panel = await how()
    const info = await panel.findByRole('checkbox', { name: 'Harbour Foods, Info: E-mail' })
    expect(info).toBeChecked()
    expect(panel.getByRole('button', { name: 'Save' })).toBeDisabled()
    await user.click(info)
    expect(panel.getByText('Not saved yet')).toBeVisible()
    await user.click(panel.getByRole('button', { name: 'Save' }))
    expect(await panel.findByText(/^Saved at/)).toBeVisible()
    expect(telling.posted.wishes).toEqual({
      preferences: [
        { org: 'demo', severity: 'warning', channels: ['email'] },
        { org: 'demo', severity: 'info', channels: [] },
      ],
      quiet_hours: null,
      away: null,
    })
  })

  it('knows quiet hours and an absence by the clock of the person', async () => {
    startBackend()
    const telling = startTelling()
    const { user } = openApp(PAGE)
    const panel = await how()
    await user.click(await panel.findByRole('switch', { name: /^Quiet hours/ }))
    fireEvent.change(panel.getByLabelText('Quiet to'), { target: { value: '22:00' } })
    await user.click(panel.getByRole('button', { name: 'Save' }))
    expect(panel.getByText('Quiet hours end at another time than they begin.')).toBeVisible()
    expect(telling.posted).not.toHaveProperty('wishes')
    fireEvent.change(panel.getByLabelText('Quiet to'), { target: { value: '06:30' } })
    await user.click(panel.getByRole('switch', { name: /^Away/ }))
    fireEvent.change(panel.getByLabelText('Away from'), { target: { value: '2040-07-01T08:00' } })
    fireEvent.change(panel.getByLabelText('Away until'), { target: { value: '2040-07-15T08:00' } })
    await user.click(panel.getByRole('button', { name: 'Save' }))
    await waitFor(() =>
      expect(telling.posted.wishes).toEqual({
        preferences: [],
        quiet_hours: { from: '22:00', to: '06:30' },
        away: { from: '2040-07-01T06:00:00.000Z', until: '2040-07-15T06:00:00.000Z' },
      }),
    )
  })

  it("shows the server's warnings", async () => {
    startBackend()
    const telling = startTelling()
    const warning = 'Nothing critical of Harbour Foods reaches you outside the app.'
    telling.wishes = { ...telling.wishes, warnings: [warning] }
    openApp(PAGE)
    expect(await (await how()).findByText(warning)).toBeVisible()
  })

  it('asks before changes are left behind', async () => {
    startBackend()
    startTelling()
    const { user, address } = openApp(PAGE)
    await user.click(await (await how()).findByRole('checkbox', { name: 'Harbour Foods, Info: E-mail' }))
    await user.click(screen.getByRole('link', { name: 'Security' }))
    const asking = within(await screen.findByRole('dialog', { name: 'Leave without saving?' }))
    await user.click(asking.getByRole('button', { name: 'Stay' }))
    expect(address()).toBe(PAGE)
  })

  it('asks once, also where two forms hold changes, and leads on', async () => {
    startBackend()
    startTelling()
    const { user, address } = openApp('/o/demo/account/notifications')
    await user.click(await (await how()).findByRole('checkbox', { name: 'Harbour Foods, Info: E-mail' }))
    await user.click(await (await digests()).findByRole('radio', { name: 'Daily' }))
    await user.click((await where()).getByRole('link', { name: 'your profile' }))
    const asking = within(await screen.findByRole('dialog', { name: 'Leave without saving?' }))
    await user.click(asking.getByRole('button', { name: 'Leave' }))
    await waitFor(() => expect(address()).toBe('/o/demo/account'))
  })

  it('leads from the time zone to where it is changed, outside of organizations too', async () => {
    startBackend()
    startTelling()
    const { user, address } = openApp(PAGE)
    await user.click(await (await where()).findByRole('link', { name: 'your profile' }))
    await waitFor(() => expect(address()).toBe('/account'))
  })
})

describe('digests', () => {
  it('are chosen for each organization, with day and time', async () => {
    const backend = startBackend()
    backend.me = aMe('manager', 'other')
    const telling = startTelling()
    const { user } = openApp(PAGE)
    const panel = await digests()
    const home = within(await panel.findByRole('radiogroup', { name: 'Harbour Foods' }))
    expect(home.getByRole('radio', { name: 'None' })).toBeChecked()
    await user.click(home.getByRole('radio', { name: 'Weekly' }))
    await user.selectOptions(panel.getByLabelText('Harbour Foods: weekly on'), 'Friday')
    fireEvent.change(panel.getByLabelText('Harbour Foods: weekly at'), { target: { value: '06:30' } })
    await user.click(panel.getByRole('button', { name: 'Save' }))
    expect(await panel.findByText(/^Next on/)).toBeVisible()
    expect(telling.posted.digests).toEqual([{ org: 'demo', period: 'weekly', at: '06:30', weekday: 4, enabled: true }])
  })

  it('are shown where nothing of them can run, and sent at once', async () => {
    startBackend()
    const telling = startTelling()
    const { user } = openApp(PAGE)
    await user.click(await (await digests()).findByRole('button', { name: 'Preview of Harbour Foods' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Daily digest of Harbour Foods' }))
    const frame = await dialog.findByTitle('Preview of the digest')
    expect(frame).toHaveAttribute('sandbox', '')
    expect(frame).toHaveAttribute('srcdoc', expect.stringContaining('All cold'))
    await user.click(dialog.getByRole('button', { name: 'Send me this now' }))
    expect(await screen.findByText('On its way to chef@example.com')).toBeVisible()
    const path = '/api/v1/orgs/demo/digests/preview/?period=daily'
    expect(telling.asked).toEqual([`GET ${path}`, `POST ${path}`])
  })

  it('say why they cannot be sent', async () => {
    startBackend()
    startTelling({ mayBeSent: false })
    const { user } = openApp(PAGE)
    await user.click(await (await digests()).findByRole('button', { name: 'Preview of Harbour Foods' }))
    await user.click(await screen.findByRole('button', { name: 'Send me this now' }))
    expect(await screen.findByText('You have no verified e-mail address that works.')).toBeVisible()
  })
})

describe('who would be told', () => {
  const openUnit = (backend: ReturnType<typeof startBackend>) => openApp(`/o/demo/units/${backend.units[0]?.id}`)

  it('is asked for by a manager: who, how, and why not', async () => {
    const backend = startBackend()
    const channel = { kind: 'email' as const, to: 's…@example.com', at: ago(0), why: 'Chosen.' }
    const later = { ...channel, to: 'n…@example.com', at: ago(-7200), why: 'Quiet hours until 06:00.' }
    const telling = startTelling({
      reach: {
        policy: 'policy-1',
        policy_name: 'Nights',
        results: [
          { user: '1', name: 'Sam Rivera', told: true, channels: [channel], reasons: [] },
          { user: '3', name: 'Noor Haddad', told: true, channels: [later], reasons: [] },
          { user: '2', name: 'Alex Kim', told: false, channels: [], reasons: ['Away until 1 December.'] },
          {
            user: '4',
            name: 'Stefan Staff',
            told: false,
            channels: [],
            reasons: ['Told at step 2 of 2, if nobody answers.'],
          },
        ],
        warnings: ['Only one person would be told.'],
      },
    })
    const { user } = openUnit(backend)
    const panel = await region('Who would be told')
    expect(telling.asked).toEqual([])
    await user.click(panel.getByRole('button', { name: 'Show' }))
    expect(await panel.findByText('E-mail to s…@example.com, at once. Chosen.')).toBeVisible()
    expect(panel.getByText('Away until 1 December.')).toBeVisible()
    const states = panel.getAllByRole('listitem').map((row) => row.querySelector('[data-tone]')?.textContent)
    expect(states).toEqual(['Told', 'Told later', 'In the app only', 'Told later'])
    expect(panel.getByText('Only one person would be told.')).toBeVisible()
    expect(panel.getByRole('link', { name: 'Nights' })).toHaveAttribute('href', '/o/demo/escalation/policy-1')
    await user.click(panel.getByRole('radio', { name: 'Info' }))
    await waitFor(() => expect(telling.asked.at(-1)).toMatch(/severity=info/))
  })

  it("isn't offered to those who may not ask", async () => {
    const backend = startBackend()
    backend.me = aMe('staff')
    openUnit(backend)
    await screen.findByRole('heading', { name: 'Counter fridge' })
    expect(screen.queryByRole('region', { name: 'Who would be told' })).not.toBeInTheDocument()
  })
})
