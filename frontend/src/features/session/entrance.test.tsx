import { screen, waitFor } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { openApp } from '@/testing/app'
import { startBackend } from '@/testing/backend'
import { aMe } from '@/testing/make'

type User = ReturnType<typeof openApp>['user']

async function signIn(user: User) {
  await user.type(await screen.findByLabelText('E-mail'), 'chef@example.com')
  await user.type(screen.getByLabelText('Password'), 'right horse battery')
  await user.click(screen.getByRole('button', { name: 'Sign in' }))
}

describe('signing in', () => {
  it('asks for the code of the app, and goes where the person wanted once it is right', async () => {
    const backend = startBackend({ me: null, step: 'mfa_authenticate' })
    const { user, address } = openApp('/o/demo/alerts')
    await signIn(user)
    expect(await screen.findByRole('heading', { name: 'Enter the code from your app' })).toBeVisible()
    const code = screen.getByLabelText('Code')
    expect(code).toHaveAttribute('autocomplete', 'one-time-code')
    await user.type(code, '999999')
    expect(await screen.findByText('This code is wrong.')).toBeVisible()
    await user.clear(code)
    await user.paste('123 456')
    expect(await screen.findByRole('heading', { name: 'Alerts' })).toBeVisible()
    expect(address()).toBe('/o/demo/alerts')
    expect(backend.me).not.toBeNull()
  })

  it('takes a recovery code instead, or lets somebody else sign in', async () => {
    startBackend({ me: null, step: 'mfa_authenticate', codes: ['1a2b3c4d'] })
    const { user } = openApp('/')
    await signIn(user)
    await user.click(await screen.findByRole('button', { name: 'Sign in as somebody else' }))
    await signIn(user)
    await user.click(await screen.findByRole('button', { name: 'Use a recovery code instead' }))
    await user.type(screen.getByLabelText('Recovery code'), '1a2b3c4d')
    await user.click(screen.getByRole('button', { name: 'Continue' }))
    expect(await screen.findByRole('heading', { name: 'Dashboard' })).toBeVisible()
  })

  it('has no dead end when the second step took too long', async () => {
    const backend = startBackend({ me: null, step: 'mfa_authenticate' })
    const { user } = openApp('/')
    await signIn(user)
    await screen.findByLabelText('Code')
    backend.tries = 0
    await user.type(screen.getByLabelText('Code'), '999999')
    expect(await screen.findByText('That took too long. Sign in again.')).toBeVisible()
    await user.click(screen.getByRole('button', { name: 'Sign in again' }))
    expect(await screen.findByRole('heading', { name: 'Sign in to FreshTrack' })).toBeVisible()
  })

  it('says how long to wait, and waits', async () => {
    startBackend({ me: null, busy: 2 })
    const { user } = openApp('/')
    await signIn(user)
    expect(await screen.findByRole('alert')).toHaveTextContent(/Too many attempts. Try again in [12] s/)
    expect(screen.getByRole('button', { name: 'Sign in' })).toBeDisabled()
    expect(await screen.findByText('You can try again now.')).toBeInTheDocument()
    expect(screen.getByRole('button', { name: 'Sign in' })).toBeEnabled()
  })

  it('offers other providers only where there are some, and says when one refused', async () => {
    startBackend({ me: null, providers: [{ id: 'google', name: 'Google' }] })
    openApp('/sign-in?next=/o/demo/alerts&error=cancelled')
    const button = await screen.findByRole('button', { name: 'Continue with Google' })
    expect(await screen.findByRole('alert')).toHaveTextContent('You cancelled there.')
    const form = button.closest('form')
    expect(form).toHaveFormValues({
      provider: 'google',
      process: 'login',
      callback_url: `${window.location.origin}/sign-in?next=%2Fo%2Fdemo%2Falerts`,
    })
  })

  it('shows no provider where none is set up', async () => {
    startBackend({ me: null })
    openApp('/sign-in')
    await screen.findByLabelText('E-mail')
    expect(screen.queryByRole('button', { name: /Continue with/ })).toBeNull()
  })
})

describe('signing up', () => {
  it('leads from the form over the code into the app', async () => {
    const backend = startBackend({ me: null, step: 'verify_email' })
    const { user, address } = openApp('/sign-up?next=/new-organization')
    await user.type(await screen.findByLabelText('Your name'), 'Ann Cook')
    await user.type(screen.getByLabelText('E-mail'), 'ann@example.com')
    await user.type(screen.getByLabelText('Password'), 'short')
    await user.click(screen.getByRole('button', { name: 'Create account' }))
    expect(await screen.findByText('This password is too short.')).toBeVisible()
    await user.type(screen.getByLabelText('Password'), ' but longer')
    await user.click(screen.getByRole('button', { name: 'Create account' }))
    expect(await screen.findByText('ann@example.com')).toBeVisible()
    expect(backend.posted.signup).toMatchObject({ name: 'Ann Cook', email: 'ann@example.com' })
    await user.type(screen.getByLabelText('Code from the e-mail'), '123456')
    expect(await screen.findByRole('heading', { name: 'New organization' })).toBeVisible()
    expect(address()).toBe('/new-organization')
  })

  it('hands the code in by itself when the link in the e-mail is opened', async () => {
    const backend = startBackend({ me: null, step: 'verify_email' })
    backend.step = 'verify_email' // begun in another tab
    openApp('/verify-email/123456')
    expect(await screen.findByRole('heading', { name: 'Dashboard' })).toBeVisible()
  })

  it('shows the code to type where the link was opened in another browser', async () => {
    startBackend({ me: null })
    openApp('/verify-email/123456')
    expect(await screen.findByRole('heading', { name: "This code doesn't work here" })).toBeVisible()
    expect(screen.getByText('123456')).toBeVisible()
    expect(screen.getByRole('link', { name: 'Sign in' })).toBeVisible()
  })

  it('offers a way on after too many wrong codes', async () => {
    const backend = startBackend({ me: null, step: 'verify_email' })
    backend.step = 'verify_email'
    const { user } = openApp('/verify-email')
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const code = await screen.findByLabelText('Code from the e-mail')
      await user.clear(code)
      await user.type(code, '999999')
      await waitFor(() => expect(backend.tries).toBe(Math.max(0, 2 - attempt)))
    }
    expect(await screen.findByText(/typed wrong too often/)).toBeVisible()
    expect(screen.getByRole('button', { name: 'Sign up again' })).toBeVisible()
  })

  it('sends a new code only after a pause', async () => {
    const backend = startBackend({ me: null, step: 'verify_email' })
    backend.step = 'verify_email'
    openApp('/verify-email')
    expect(await screen.findByRole('button', { name: /Send a new code in \d+ s/ })).toBeDisabled()
  })
})

describe('a forgotten password', () => {
  it('says the same whether or not there is such an account', async () => {
    const backend = startBackend({ me: null })
    const { user } = openApp('/forgot-password')
    await user.type(await screen.findByLabelText('E-mail'), 'nobody@example.com')
    await user.click(screen.getByRole('button', { name: 'Send link' }))
    expect(await screen.findByText(/If there is an account with/)).toBeVisible()
    expect(backend.posted.forgotten).toMatchObject({ email: 'nobody@example.com' })
    await user.click(screen.getByRole('button', { name: 'Use another address' }))
    expect(await screen.findByLabelText('E-mail')).toHaveValue('nobody@example.com')
  })

  it('is replaced through the link, and the person signs in with the new one', async () => {
    const backend = startBackend({ me: null })
    const { user } = openApp('/reset-password/right-key')
    const field = await screen.findByLabelText('New password')
    expect(field).toHaveAttribute('autocomplete', 'new-password')
    await user.type(field, 'short')
    await user.click(screen.getByRole('button', { name: 'Change password' }))
    expect(await screen.findByText('This password is too short.')).toBeVisible()
    await user.type(field, ' but longer')
    await user.click(screen.getByRole('button', { name: 'Change password' }))
    expect(await screen.findByRole('heading', { name: 'Your password is changed' })).toBeVisible()
    expect(backend.password).toBe('short but longer')
    await user.click(screen.getByRole('link', { name: 'Sign in' }))
    expect(await screen.findByRole('heading', { name: 'Sign in to FreshTrack' })).toBeVisible()
  })

  it('offers a new link where the old one is stale', async () => {
    startBackend({ me: null })
    const { user } = openApp('/reset-password/old-key')
    expect(await screen.findByRole('heading', { name: "This link doesn't work any more" })).toBeVisible()
    await user.click(screen.getByRole('link', { name: 'Send a new link' }))
    expect(await screen.findByLabelText('E-mail')).toBeVisible()
  })
})

const anInvitation = (fields: Record<string, unknown> = {}) => ({
  organization: { name: 'Harbour Foods' },
  email: 'chef@example.com',
  role: 'staff',
  invited_by: { id: 'p-1', email: 'olga@example.com', name: 'Olga Owner' },
  state: 'pending',
  expires_at: new Date(Date.now() + 86_400_000).toISOString(),
  has_account: false,
  ...fields,
})

describe('the link of an invitation', () => {
  it('lets somebody new in with one form', async () => {
    const backend = startBackend({ me: null, invitation: anInvitation() })
    const { user, address } = openApp('/invitation/fti_token')
    expect(await screen.findByRole('heading', { name: 'Join Harbour Foods' })).toBeVisible()
    expect(screen.getByText('Olga Owner invites you to FreshTrack.')).toBeVisible()
    expect(screen.getByText('staff').closest('p')).toHaveTextContent('As staff.')
    expect(screen.getByLabelText('E-mail')).toHaveAttribute('readonly')
    await user.type(screen.getByLabelText('Password'), 'long enough words')
    await user.click(screen.getByRole('button', { name: 'Create account and join' }))
    expect(await screen.findByRole('heading', { name: 'Dashboard' })).toBeVisible()
    expect(address()).toBe('/o/demo')
    expect(backend.posted.accepted).toMatchObject({ token: 'fti_token' })
  })

  it('asks somebody who has an account to sign in, with the second step where there is one', async () => {
    const backend = startBackend({
      me: null,
      step: 'mfa_authenticate',
      invitation: anInvitation({ has_account: true }),
    })
    const { user } = openApp('/invitation/fti_token')
    expect(await screen.findByLabelText('E-mail')).toHaveValue('chef@example.com')
    await user.type(screen.getByLabelText('Password'), 'right horse battery')
    await user.click(screen.getByRole('button', { name: 'Sign in' }))
    await user.type(await screen.findByLabelText('Code'), '123456')
    expect(await screen.findByRole('heading', { name: 'Dashboard' })).toBeVisible()
    expect(backend.posted.accepted).toMatchObject({ token: 'fti_token' })
  })

  it('is one tap for whoever is signed in with its address', async () => {
    startBackend({ invitation: anInvitation({ has_account: true }) })
    const { user } = openApp('/invitation/fti_token')
    await user.click(await screen.findByRole('button', { name: 'Join' }))
    expect(await screen.findByRole('heading', { name: 'Dashboard' })).toBeVisible()
  })

  it('says when somebody else is signed in, and lets them sign out', async () => {
    const backend = startBackend({
      me: { ...aMe(), email: 'other@example.com' },
      invitation: anInvitation({ has_account: true }),
    })
    const { user } = openApp('/invitation/fti_token')
    expect(await screen.findByText(/You are signed in as/)).toHaveTextContent('other@example.com')
    await user.click(screen.getByRole('button', { name: 'Sign out and continue' }))
    expect(await screen.findByLabelText('E-mail')).toHaveValue('chef@example.com')
    expect(backend.me).toBeNull()
  })

  it.each([
    ['expired', 'This invitation has expired'],
    ['revoked', 'This invitation was withdrawn'],
    ['accepted', 'This invitation was accepted already'],
  ])('says in a sentence that it is %s, and whom to ask', async (state, title) => {
    startBackend({ me: null, invitation: anInvitation({ state }) })
    openApp('/invitation/fti_token')
    expect(await screen.findByRole('heading', { name: title })).toBeVisible()
    expect(screen.getByRole('link', { name: 'olga@example.com' })).toHaveAttribute('href', 'mailto:olga@example.com')
  })

  it('explains a link that was cut off', async () => {
    startBackend({ me: null })
    openApp('/invitation/fti_tok')
    expect(await screen.findByRole('heading', { name: "We don't know this invitation" })).toBeVisible()
  })
})
