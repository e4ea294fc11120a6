import { screen, waitFor } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { openApp } from '@/testing/app'
import { startBackend } from '@/testing/backend'
import { aMe } from '@/testing/make'

async function signIn(user: ReturnType<typeof openApp>['user'], password: string) {
  await user.type(await screen.findByLabelText('E-mail'), 'chef@example.com')
  await user.type(screen.getByLabelText('Password'), password)
  await user.click(screen.getByRole('button', { name: 'Sign in' }))
}

describe('signing in', () => {
  it('leads a stranger to the sign-in page, and then to where they wanted to go', async () => {
    const backend = startBackend({ me: null })
    const { user, address } = openApp('/o/demo/alerts?status=open')
    await signIn(user, backend.password)
    expect(await screen.findByRole('heading', { name: 'Alerts' })).toBeVisible()
    expect(address()).toBe('/o/demo/alerts?status=open')
  })

  it('opens the first organization when nothing else was asked for', async () => {
    const backend = startBackend({ me: null })
    const { user, address } = openApp('/')
    await signIn(user, backend.password)
    expect(await screen.findByRole('heading', { name: 'Dashboard' })).toBeVisible()
    expect(address()).toBe('/o/demo')
  })

  it('says in a sentence that the password is wrong, and lets the person try again', async () => {
    startBackend({ me: null })
    const { user } = openApp('/')
    await signIn(user, 'wrong')
    expect(await screen.findByRole('alert')).toHaveTextContent('This address and password don’t belong together.')
    expect(screen.getByRole('button', { name: 'Sign in' })).toBeEnabled()
  })

  it("sends the token of the server's cookie, fetching it first in a new browser", async () => {
    const backend = startBackend({ me: null })
    const { user } = openApp('/')
    await signIn(user, backend.password)
    await waitFor(() => expect(backend.posted.login).toMatchObject({ csrf: 'token-from-server' }))
  })

  it('never leads to another site after signing in', async () => {
    const backend = startBackend({ me: null })
    const { user, address } = openApp('/sign-in?next=//evil.example/')
    await signIn(user, backend.password)
    await screen.findByRole('heading', { name: 'Dashboard' })
    expect(address()).toBe('/o/demo')
  })
})

describe('being signed in', () => {
  it('signs out and forgets what was on the screen', async () => {
    startBackend()
    const { user, client } = openApp('/o/demo/account')
    await user.click(await screen.findByRole('button', { name: 'Sign out' }))
    expect(await screen.findByRole('heading', { name: 'Sign in to FreshTrack' })).toBeVisible()
    expect(client.getQueryData(['units', 'demo'])).toBeUndefined()
  })

  it('leads back to the sign-in page when the session ends elsewhere', async () => {
    const backend = startBackend()
    openApp()
    await screen.findByText('Counter fridge')
    await waitFor(() => expect(backend.sockets).toBe(1))
    backend.me = null
    backend.drop(4401)
    expect(await screen.findByRole('heading', { name: 'Sign in to FreshTrack' })).toBeVisible()
  })

  it('switches between organizations', async () => {
    startBackend({ me: aMe('manager', 'second') })
    const { user, address } = openApp()
    await user.click(await screen.findByRole('button', { name: 'Organization: Harbour Foods' }))
    await user.click(await screen.findByRole('menuitem', { name: 'Organization second' }))
    await waitFor(() => expect(address()).toBe('/o/second'))
    expect(await screen.findByRole('button', { name: 'Organization: Organization second' })).toBeVisible()
  })

  it("says that another organization's address leads nowhere", async () => {
    startBackend()
    openApp('/o/somebody-else')
    expect(await screen.findByText('This address leads nowhere')).toBeVisible()
  })

  it('explains what to do to a person without an organization', async () => {
    startBackend({ me: { ...aMe(), memberships: [] } })
    openApp('/')
    expect(await screen.findByText(/Ask somebody there to invite you/)).toBeVisible()
  })
})
