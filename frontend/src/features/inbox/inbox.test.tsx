import { screen, waitFor, within } from '@testing-library/react'
import { http } from 'msw'
import { describe, expect, it } from 'vitest'
import { HERE, problem } from '@/testing/answers'
import { openApp } from '@/testing/app'
import { startBackend } from '@/testing/backend'
import { ago, aMe } from '@/testing/make'
import { anItem } from '@/testing/messages'
import { server } from '@/testing/server'

const row = async (words: string) => (await screen.findByText(words)).closest('li') as HTMLElement
const bell = (name: string | RegExp) => screen.findByRole('link', { name })

describe('the bell', () => {
  it('says how much is unread, and leads to the inbox', async () => {
    startBackend({ inbox: [anItem(), anItem(), anItem({ read_at: ago(10) })] })
    const { user, address } = openApp()
    await user.click(await bell('Inbox, 2 unread'))
    expect(await screen.findByRole('heading', { name: 'Inbox' })).toBeVisible()
    expect(address()).toBe('/o/demo/inbox')
  })

  it('rings as something happens, and shows it in the list', async () => {
    const backend = startBackend({ me: aMe('viewer') })
    openApp('/o/demo/inbox')
    expect(await screen.findByText('Nothing here yet')).toBeVisible()
    await waitFor(() => expect(backend.sockets).toBe(1))
    const item = anItem({ subject: 'Freezer is silent' })
    backend.inbox = [item]
    backend.say({ type: 'inbox', item, unread: 1 })
    expect(await bell('Inbox, 1 unread')).toBeVisible()
    expect(await screen.findByText('Freezer is silent')).toBeVisible()
  })

  it('is quiet again where the item was read on another screen, and the item stays in its place', async () => {
    const item = anItem()
    const backend = startBackend({ inbox: [item] })
    openApp('/o/demo/inbox?unread=true')
    expect(await bell('Inbox, 1 unread')).toBeVisible()
    await within(await row(item.subject)).findByRole('button', { name: /^Mark as read/ })
    backend.say({ type: 'inbox', item: { ...item, read_at: ago(0) }, unread: 0 })
    expect(await bell('Inbox')).toBeVisible()
    expect(within(await row(item.subject)).queryByRole('button')).not.toBeInTheDocument()
  })
})

describe('the inbox', () => {
  it('opens what an item is about, and the item counts as read', async () => {
    const backend = startBackend({ inbox: [anItem({ path: '/o/demo/mutes' })] })
    const { user, address } = openApp('/o/demo/inbox')
    await user.click(await screen.findByRole('link', { name: 'Counter fridge is too warm' }))
    await waitFor(() => expect(address()).toBe('/o/demo/mutes'))
    await waitFor(() => expect(backend.inbox[0]?.read_at).not.toBeNull())
    expect(await bell('Inbox')).toBeVisible()
  })

  it('says what happened once, where the message is one sentence', async () => {
    const subject = 'CRITICAL: Freezer is above -18 °C'
    startBackend({ inbox: [anItem({ subject, text: `${subject}.` }), anItem({ subject: 'Door is open' })] })
    openApp('/o/demo/inbox')
    expect(within(await row(subject)).queryByText(`${subject}.`)).not.toBeInTheDocument()
    expect(within(await row('Door is open')).getByText(/^It is 9\.4 °C/)).toBeVisible()
  })

  it('never leads out of the app', async () => {
    startBackend({ inbox: [anItem({ path: '//elsewhere.example' }), anItem({ subject: 'No path', path: '' })] })
    openApp('/o/demo/inbox')
    const item = within(await row('Counter fridge is too warm'))
    expect(item.queryByRole('link')).not.toBeInTheDocument()
    expect(within(await row('No path')).queryByRole('link')).not.toBeInTheDocument()
  })

  it('marks one as read', async () => {
    startBackend({ inbox: [anItem(), anItem({ subject: 'Door is open' })] })
    const { user } = openApp('/o/demo/inbox')
    await user.click(await screen.findByRole('button', { name: 'Mark as read: Door is open' }))
    await waitFor(async () => expect(within(await row('Door is open')).queryByRole('button')).not.toBeInTheDocument())
    expect(await bell('Inbox, 1 unread')).toBeVisible()
  })

  it('marks everything as read, of every organization', async () => {
    const backend = startBackend({ inbox: [anItem(), anItem({ org: 'other', subject: 'Door is open' })] })
    const { user } = openApp('/o/demo/inbox')
    await row('Door is open')
    await user.click(screen.getByRole('button', { name: 'Mark all as read' }))
    expect(await bell('Inbox')).toBeVisible()
    expect(backend.posted.readAll).toEqual({})
    await waitFor(() => expect(screen.getByRole('button', { name: 'Mark all as read' })).toBeDisabled())
    expect(screen.queryByRole('button', { name: /^Mark as read:/ })).not.toBeInTheDocument()
  })

  it('shows only what is unread, if wanted', async () => {
    startBackend({ inbox: [anItem(), anItem({ subject: 'Door was open', read_at: ago(10) })] })
    const { user, address } = openApp('/o/demo/inbox')
    await row('Door was open')
    await user.click(screen.getByRole('switch', { name: 'Show unread only' }))
    await waitFor(() => expect(screen.queryByText('Door was open')).not.toBeInTheDocument())
    expect(await row('Counter fridge is too warm')).toBeVisible()
    expect(address()).toBe('/o/demo/inbox?unread=true')
  })

  it('says so where all is read', async () => {
    startBackend({ inbox: [anItem({ read_at: ago(10) })] })
    openApp('/o/demo/inbox?unread=true')
    expect(await screen.findByText('You have read everything')).toBeVisible()
  })

  it('says where something happened, unless it was here', async () => {
    startBackend({
      me: aMe('manager', 'north'),
      inbox: [
        anItem({ subject: 'Here' }),
        anItem({ subject: 'There', org: 'north', path: '/o/north' }),
        anItem({ subject: 'Mine', org: null, path: '' }),
      ],
    })
    openApp('/o/demo/inbox')
    expect(within(await row('There')).getByText('Organization north')).toBeVisible()
    expect(within(await row('Mine')).getByText('Your account')).toBeVisible()
    expect(within(await row('Here')).queryByText('Harbour Foods')).not.toBeInTheDocument()
  })

  it('says so where it can’t be had, and is asked for again', async () => {
    startBackend({ inbox: [anItem()] })
    server.use(http.get(`${HERE}/api/v1/me/inbox/`, () => problem(503, 'busy', 'Busy.'), { once: true }))
    const { user } = openApp('/o/demo/inbox')
    await user.click(await screen.findByRole('button', { name: 'Try again' }))
    expect(await row('Counter fridge is too warm')).toBeVisible()
  })

  it('shows older items page by page', async () => {
    const many = Array.from({ length: 31 }, (_, index) => anItem({ subject: `Item ${index}` }))
    startBackend({ inbox: many })
    const { user } = openApp('/o/demo/inbox')
    await row('Item 0')
    expect(screen.queryByText('Item 30')).not.toBeInTheDocument()
    await user.click(screen.getByRole('button', { name: 'Show older' }))
    expect(await row('Item 30')).toBeVisible()
  })
})
