import { screen, waitFor, within } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { openApp } from '@/testing/app'
import { startBackend } from '@/testing/backend'
import { ago, aKey, aMe } from '@/testing/make'

const row = async (name: string) =>
  (await screen.findByRole('rowheader', { name: new RegExp(name) })).closest('tr') as HTMLElement

describe('API keys', () => {
  it('are listed with what tells them apart, and how they fare', async () => {
    startBackend({
      me: aMe('admin'),
      keys: [aKey('Gateway'), aKey('Old one', { expires_at: ago(60), last_used_at: null })],
    })
    openApp('/o/demo/keys')
    const gateway = within(await row('Gateway'))
    expect(gateway.getByText('ftk_h7Xk…')).toBeVisible()
    expect(gateway.getByText('Active')).toBeVisible()
    expect(gateway.getByText(/3\d.s ago/)).toBeVisible()
    expect(within(await row('Old one')).getByText('Expired')).toBeVisible()
  })

  it('show their secret once, with a command that sends a first reading', async () => {
    const backend = startBackend({ me: aMe('admin') })
    const { user } = openApp('/o/demo/keys')
    expect(await screen.findByText('There is no API key yet')).toBeVisible()
    await user.click(screen.getByRole('button', { name: 'Create API key' }))
    const form = within(await screen.findByRole('dialog', { name: 'Create API key' }))
    await user.click(form.getByRole('button', { name: 'Create' }))
    expect(await form.findByText('Give it a name.')).toBeVisible()
    await user.type(form.getByLabelText('Name'), 'Gateway 7')
    await user.selectOptions(form.getByLabelText('Expires'), 'In 90 days')
    await user.click(form.getByRole('button', { name: 'Create' }))

    const secret = within(await screen.findByRole('dialog', { name: 'The key of Gateway 7' }))
    expect(secret.getByText('ftk_abcdefghijklmnop')).toBeVisible()
    const command = within(secret.getByRole('region', { name: /first reading/ }))
    expect(command.getByText(/Authorization: Bearer ftk_abcdefghijklmnop/)).toHaveTextContent(
      /curl http.*\/api\/v1\/ingest\/readings.*"readings":\[\{"sensor":"MY-SENSOR","recorded_at":"[^"]+Z","temperature":4.2\}\]/,
    )
    await user.click(secret.getByRole('button', { name: 'Copy key' }))
    expect(await navigator.clipboard.readText()).toBe('ftk_abcdefghijklmnop')
    await user.keyboard('{Escape}')
    expect(secret.getByText('ftk_abcdefghijklmnop')).toBeVisible()
    await user.click(secret.getByRole('button', { name: 'I have copied it' }))

    await waitFor(() => expect(screen.queryByText('ftk_abcdefghijklmnop')).not.toBeInTheDocument())
    expect(await row('Gateway 7')).toBeVisible()
    const { name, scopes, expires_at } = backend.posted.key as Record<string, string>
    expect([name, scopes]).toEqual(['Gateway 7', ['ingest']])
    expect(Math.round((Date.parse(expires_at ?? '') - Date.now()) / 86_400_000)).toBe(90)
  })

  it('are revoked after a warning, and stay on record', async () => {
    startBackend({ me: aMe('admin'), keys: [aKey('Gateway')] })
    const { user, address } = openApp('/o/demo/keys')
    await user.click(await screen.findByRole('button', { name: 'Revoke Gateway' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Revoke Gateway?' }))
    expect(dialog.getByText(/refused within seconds/)).toBeVisible()
    await user.click(dialog.getByRole('button', { name: 'Revoke' }))
    expect(await screen.findByText('There is no API key yet')).toBeVisible()
    await user.click(screen.getByLabelText('Show revoked keys'))
    expect(within(await row('Gateway')).getByText('Revoked')).toBeVisible()
    expect(address()).toBe('/o/demo/keys?revoked=true')
  })
})
