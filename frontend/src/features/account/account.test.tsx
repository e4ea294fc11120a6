import { screen, waitFor, within } from '@testing-library/react'
import { beforeAll, describe, expect, it } from 'vitest'
import { openApp } from '@/testing/app'
import { startBackend } from '@/testing/backend'
import { aMe } from '@/testing/make'
import { deviceOf } from './devices'

// Loaded with the first page that needs it: on a busy machine that takes longer than a test waits.
beforeAll(() => import('@/app/pages/AccountSections'))

const MINUTE_AGO = Date.now() / 1000 - 60
const app = { type: 'totp' as const, created_at: MINUTE_AGO, last_used_at: MINUTE_AGO }
const codes = {
  type: 'recovery_codes' as const,
  total_code_count: 10,
  unused_code_count: 2,
  created_at: MINUTE_AGO,
  last_used_at: MINUTE_AGO,
}
const passkey = {
  type: 'webauthn' as const,
  id: 7,
  name: 'Kitchen tablet',
  created_at: MINUTE_AGO,
  last_used_at: MINUTE_AGO,
}

async function prove(user: ReturnType<typeof openApp>['user']) {
  const dialog = await screen.findByRole('dialog', { name: 'Confirm that it is you' })
  await user.type(within(dialog).getByLabelText('Password'), 'right horse battery')
  await user.click(within(dialog).getByRole('button', { name: 'Continue' }))
}

describe('the account page', () => {
  it('is there for a person without an organization, and changes the name', async () => {
    const backend = startBackend({ me: { ...aMe(), memberships: [] } })
    const { user } = openApp('/account')
    const name = await screen.findByLabelText('Name')
    await user.clear(name)
    await user.type(name, 'Cleo Chef')
    await user.click(screen.getByRole('button', { name: 'Save' }))
    expect(await screen.findByText('Profile saved')).toBeVisible()
    expect(backend.posted.me).toMatchObject({ name: 'Cleo Chef', time_zone: 'Europe/Berlin' })
    expect(screen.getByRole('link', { name: 'New organization' })).toBeVisible()
  })

  it('keeps the frame of the organization it was opened in, with an address for each section', async () => {
    startBackend()
    const { user, address } = openApp('/o/demo/account')
    await user.click(await screen.findByRole('link', { name: 'Security' }))
    expect(await screen.findByRole('heading', { name: 'Passkeys' })).toBeVisible()
    expect(address()).toBe('/o/demo/account/security')
    expect(screen.getByRole('link', { name: 'Security' })).toHaveAttribute('aria-current', 'page')
  })

  it('says that a section it does not have leads nowhere', async () => {
    startBackend()
    openApp('/account/nonsense')
    expect(await screen.findByText('This address leads nowhere')).toBeVisible()
  })

  it('changes the address once the code from the new one is typed', async () => {
    const backend = startBackend({ proved: true })
    const { user } = openApp('/account')
    await user.click(await screen.findByRole('button', { name: 'Change address' }))
    await user.type(await screen.findByLabelText('New address'), 'cleo@example.com')
    await user.click(screen.getByRole('button', { name: 'Send code' }))
    const code = await screen.findByLabelText('Code that was sent to cleo@example.com')
    await user.type(code, '999999')
    expect(await screen.findByText('This code is wrong.')).toBeVisible()
    await user.clear(code)
    await user.type(code, '123456')
    expect(await screen.findByText('Address changed')).toBeVisible()
    expect(backend.addresses).toEqual([{ email: 'cleo@example.com', primary: true, verified: true }])
  })

  it('changes the password, and says which of the two is wrong', async () => {
    const backend = startBackend()
    const { user } = openApp('/account/security')
    await user.click(await screen.findByRole('button', { name: 'Change password' }))
    await user.type(screen.getByLabelText('Present password'), 'wrong')
    await user.type(screen.getByLabelText('New password'), 'another long one')
    await user.click(screen.getByRole('button', { name: 'Change password' }))
    expect(await screen.findByText('This isn’t your present password.')).toBeVisible()
    await user.clear(screen.getByLabelText('Present password'))
    await user.type(screen.getByLabelText('Present password'), 'right horse battery')
    await user.click(screen.getByRole('button', { name: 'Change password' }))
    expect(await screen.findByText(/Password changed/)).toBeVisible()
    expect(backend.password).toBe('another long one')
  })
})

describe('two-factor sign-in', () => {
  it('asks who it is, then for a code of the app, and shows the recovery codes once', async () => {
    startBackend()
    const { user } = openApp('/account/security')
    await user.click(await screen.findByRole('button', { name: 'Set up' }))
    await prove(user)
    const dialog = await screen.findByRole('dialog', { name: 'Set up an authenticator app' })
    expect(within(dialog).getByText('JBSW Y3DP EHPK 3PXP')).toBeVisible()
    expect(within(dialog).getByRole('img', { name: 'QR code for your authenticator app' })).toBeVisible()
    await user.type(within(dialog).getByLabelText(/type the code/), '123456')
    const shown = await screen.findByRole('list', { name: 'Recovery codes' })
    expect(shown).toHaveTextContent('1a2b3c4d')
    await user.click(screen.getByRole('button', { name: 'I have kept them' }))
    await waitFor(() => expect(screen.queryByText('1a2b3c4d')).toBeNull())
    expect(await screen.findByText('2 of 2 unused. Each lets you in once when your phone is lost.')).toBeVisible()
  })

  it('does nothing when the person does not want to prove who they are', async () => {
    const backend = startBackend({ authenticators: [app, codes] })
    const { user } = openApp('/account/security')
    await user.click(await screen.findByRole('button', { name: 'Turn off' }))
    const dialog = await screen.findByRole('dialog', { name: 'Turn off the authenticator app?' })
    await user.click(within(dialog).getByRole('button', { name: 'Turn off' }))
    const question = await screen.findByRole('dialog', { name: 'Confirm that it is you' })
    await user.click(within(question).getByRole('button', { name: 'Cancel' }))
    await waitFor(() => expect(question).not.toBeInTheDocument())
    expect(backend.authenticators).toHaveLength(2)
    expect(within(dialog).queryByRole('alert')).toBeNull()
  })

  it('says that a proof was wrong, and goes on where it was once it is right', async () => {
    const backend = startBackend({ authenticators: [app, codes] })
    const { user } = openApp('/account/security')
    await user.click(await screen.findByRole('button', { name: 'Turn off' }))
    const dialog = await screen.findByRole('dialog', { name: 'Turn off the authenticator app?' })
    await user.click(within(dialog).getByRole('button', { name: 'Turn off' }))
    const question = await screen.findByRole('dialog', { name: 'Confirm that it is you' })
    await user.type(within(question).getByLabelText('Password'), 'wrong')
    await user.click(within(question).getByRole('button', { name: 'Continue' }))
    expect(await within(question).findByText('This is wrong.')).toBeVisible()
    await user.clear(within(question).getByLabelText('Password'))
    await prove(user)
    expect(await screen.findByRole('button', { name: 'Set up' })).toBeVisible()
    expect(backend.authenticators).toEqual([codes])
  })

  it('warns when few recovery codes are left, and before the old ones are void', async () => {
    startBackend({ authenticators: [app, codes], proved: true })
    const { user } = openApp('/account/security')
    expect(await screen.findByText('Only 2 left')).toBeVisible()
    await user.click(screen.getByRole('button', { name: 'New codes' }))
    expect(await screen.findByText('The codes that you have now are void at once.')).toBeVisible()
    await user.click(screen.getByRole('button', { name: 'Make new codes' }))
    expect(await screen.findByRole('list', { name: 'Recovery codes' })).toHaveTextContent('5e6f7a8b')
  })

  it('lists passkeys with what to do about each', async () => {
    startBackend({ authenticators: [passkey, codes] })
    openApp('/account/security')
    expect(await screen.findByRole('button', { name: 'Rename Kitchen tablet' })).toBeVisible()
    expect(screen.getByRole('button', { name: 'Remove Kitchen tablet' })).toBeVisible()
  })
})

const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Mobile Safari/604.1'
const DESK = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0'
const aSession = (id: number, user_agent: string, is_current = false) => ({
  id,
  user_agent,
  is_current,
  ip: `203.0.113.${id}`,
  created_at: MINUTE_AGO,
  last_seen_at: MINUTE_AGO,
})

describe('sessions', () => {
  it('are named as people know their devices', () => {
    expect(deviceOf(PHONE)).toBe('Safari on iPhone')
    expect(deviceOf(DESK)).toBe('Edge on Windows')
    expect(deviceOf('python-httpx/0.27')).toBe('python-httpx/0.27')
    expect(deviceOf('')).toBe('Unknown device')
  })

  it('end one by one, or all but this one', async () => {
    const backend = startBackend({ sessions: [aSession(1, DESK), aSession(2, PHONE, true), aSession(3, PHONE)] })
    const { user } = openApp('/account/sessions')
    expect((await screen.findByText('This one')).closest('li')).toHaveTextContent('Safari on iPhone')
    await user.click(screen.getByRole('button', { name: /Sign out Edge on Windows/ }))
    await waitFor(() => expect(backend.sessions.map(({ id }) => id)).toEqual([2, 3]))
  })

  it('are asked about before all others end', async () => {
    const backend = startBackend({ sessions: [aSession(1, DESK), aSession(2, PHONE, true), aSession(3, PHONE)] })
    const { user } = openApp('/account/sessions')
    await user.click(await screen.findByRole('button', { name: 'Sign out everywhere else' }))
    const dialog = await screen.findByRole('dialog', { name: 'Sign out everywhere else?' })
    await user.click(within(dialog).getByRole('button', { name: 'Sign out everywhere else' }))
    await waitFor(() => expect(backend.sessions.map(({ id }) => id)).toEqual([2]))
  })
})

describe('access tokens', () => {
  it('are made for reading unless asked otherwise, and shown once', async () => {
    const backend = startBackend()
    const { user } = openApp('/account/tokens')
    await user.click(await screen.findByRole('button', { name: 'New token' }))
    await user.click(await screen.findByRole('button', { name: 'Create token' }))
    expect(await screen.findByText('Give it a name.')).toBeVisible()
    await user.type(screen.getByLabelText('Name'), 'Weekly report')
    await user.click(screen.getByRole('button', { name: 'Create token' }))
    expect(await screen.findByText('ftp_1234567890')).toBeVisible()
    expect(backend.posted.token).toMatchObject({ name: 'Weekly report', scopes: ['read'] })
    await user.click(screen.getByRole('button', { name: 'I have copied it' }))
    await waitFor(() => expect(screen.queryByText('ftp_1234567890')).toBeNull())
    expect(await screen.findByText(/may read\. Made on/)).toBeVisible()
  })

  it('are revoked only when confirmed', async () => {
    const token = {
      id: 't-9',
      name: 'Old script',
      prefix: 'ftp_9',
      scopes: ['read', 'write'],
      created_at: new Date().toISOString(),
      expires_at: null,
      last_used_at: null,
      revoked_at: null,
    }
    const backend = startBackend({ tokens: [token] })
    const { user } = openApp('/account/tokens')
    await user.click(await screen.findByRole('button', { name: 'Revoke Old script' }))
    const dialog = await screen.findByRole('dialog', { name: 'Revoke Old script?' })
    expect(backend.tokens).toHaveLength(1)
    await user.click(within(dialog).getByRole('button', { name: 'Revoke' }))
    expect(await screen.findByText('No access tokens')).toBeVisible()
    expect(backend.tokens).toEqual([])
  })
})
