import { screen, waitFor, within } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { openApp } from '@/testing/app'
import { type Backend, startBackend } from '@/testing/backend'
import { aColleague, ago, aMe, anInvitation, aSite } from '@/testing/make'

function withPeople(changes: Partial<Backend> = {}): Backend {
  return startBackend({
    me: aMe('owner'),
    members: [aColleague('Olivia Owner', 'owner', { is_you: true }), aColleague('Stefan Staff', 'staff')],
    ...changes,
  })
}

const row = async (name: string) => {
  const cell = await screen.findByRole('rowheader', { name: new RegExp(name) })
  return cell.closest('tr') as HTMLElement
}

describe('members', () => {
  it('shows who works here, as what and where', async () => {
    const site = aSite({ name: 'Old Town Bar' })
    withPeople({
      sites: [site, aSite()],
      members: [
        aColleague('Olivia Owner', 'owner', { is_you: true }),
        aColleague('Vera Viewer', 'viewer', { sites: [site.id] }),
      ],
    })
    openApp('/o/demo/members')
    expect(within(await row('Olivia Owner')).getByText('You')).toBeVisible()
    expect(within(await row('Olivia Owner')).getByText(/only owner/)).toBeVisible()
    const viewer = await row('Vera Viewer')
    expect(within(viewer).getByText('Viewer')).toBeVisible()
    expect(await within(viewer).findByText('Old Town Bar')).toBeVisible()
    expect(within(viewer).getByText('vera@example.com')).toBeVisible()
  })

  it('invites somebody to some sites only, with the role in words', async () => {
    const [bar, kitchen] = [aSite({ name: 'Old Town Bar' }), aSite()]
    const backend = withPeople({ sites: [bar, kitchen] })
    const { user } = openApp('/o/demo/members')
    await user.click(await screen.findByRole('button', { name: 'Invite somebody' }))
    const dialog = await screen.findByRole('dialog', { name: 'Invite somebody' })
    expect(within(dialog).getByText(/Takes charge of alerts, resolves them/)).toBeVisible()
    await user.type(within(dialog).getByLabelText('E-mail'), 'new@example.com')
    await user.click(within(dialog).getByRole('radio', { name: 'Only these' }))
    await user.click(within(dialog).getByRole('button', { name: 'Send invitation' }))
    expect(await within(dialog).findByText(/Choose at least one site/)).toBeVisible()
    expect(backend.posted.invitation).toBeUndefined()
    await user.click(within(dialog).getByRole('checkbox', { name: 'Old Town Bar' }))
    await user.click(within(dialog).getByRole('button', { name: 'Send invitation' }))
    await waitFor(() =>
      expect(backend.posted.invitation).toEqual({ email: 'new@example.com', role: 'staff', sites: [bar.id] }),
    )
    const invited = await row('new@example.com')
    expect(within(invited).getByText('Old Town Bar')).toBeVisible()
    expect(screen.queryByRole('dialog')).not.toBeInTheDocument()
  })

  it('does not restrict those who look after the whole organization', async () => {
    const backend = withPeople()
    const { user } = openApp('/o/demo/members')
    await user.click(await screen.findByRole('button', { name: 'Invite somebody' }))
    const dialog = await screen.findByRole('dialog')
    await user.type(within(dialog).getByLabelText('E-mail'), 'new@example.com')
    await user.click(within(dialog).getByRole('radio', { name: 'Only these' }))
    await user.click(within(dialog).getByRole('radio', { name: /Administrator/ }))
    expect(within(dialog).getByText('Administrators see all sites.')).toBeVisible()
    await user.click(within(dialog).getByRole('button', { name: 'Send invitation' }))
    await waitFor(() => expect(backend.posted.invitation).toMatchObject({ role: 'admin', sites: null }))
  })

  it("shows the server's reason for not inviting", async () => {
    withPeople()
    const { user } = openApp('/o/demo/members')
    await user.click(await screen.findByRole('button', { name: 'Invite somebody' }))
    const dialog = await screen.findByRole('dialog')
    await user.type(within(dialog).getByLabelText('E-mail'), 'stefan@example.com')
    await user.click(within(dialog).getByRole('button', { name: 'Send invitation' }))
    expect(await within(dialog).findByRole('alert')).toHaveTextContent('is a member already')
  })

  it('changes a role', async () => {
    const backend = withPeople()
    const { user } = openApp('/o/demo/members')
    await user.click(await screen.findByRole('button', { name: 'Actions for Stefan Staff' }))
    await user.click(await screen.findByRole('menuitem', { name: 'Change role and sites' }))
    const dialog = await screen.findByRole('dialog', { name: 'Change Stefan Staff' })
    expect(within(dialog).getByRole('radio', { name: /^Staff/ })).toBeChecked()
    await user.click(within(dialog).getByRole('radio', { name: /^Manager/ }))
    await user.click(within(dialog).getByRole('button', { name: 'Save' }))
    await waitFor(() => expect(backend.posted.member).toEqual({ role: 'manager', sites: null }))
    expect(await within(await row('Stefan Staff')).findByText('Manager')).toBeVisible()
  })

  it('removes a member after asking', async () => {
    const backend = withPeople()
    const { user } = openApp('/o/demo/members')
    await user.click(await screen.findByRole('button', { name: 'Actions for Stefan Staff' }))
    await user.click(await screen.findByRole('menuitem', { name: 'Remove' }))
    const dialog = await screen.findByRole('dialog', { name: 'Remove Stefan Staff?' })
    expect(backend.members).toHaveLength(2)
    await user.click(within(dialog).getByRole('button', { name: 'Remove' }))
    await waitFor(() => expect(screen.queryByRole('rowheader', { name: /Stefan/ })).not.toBeInTheDocument())
  })

  it('explains to the last owner why they must stay', async () => {
    withPeople()
    const { user } = openApp('/o/demo/members')
    await user.click(await screen.findByRole('button', { name: 'Actions for Olivia Owner' }))
    await user.click(await screen.findByRole('menuitem', { name: 'Leave the organization' }))
    const dialog = await screen.findByRole('dialog')
    expect(await within(dialog).findByText(/You are its only owner/)).toBeVisible()
    expect(within(dialog).getByRole('button', { name: 'Leave' })).toBeDisabled()
  })

  it('lets anybody else leave, and shows them where they are then', async () => {
    withPeople({ me: aMe('viewer'), members: [aColleague('Vera Viewer', 'viewer', { is_you: true })] })
    const { user } = openApp('/o/demo/members')
    await user.click(await screen.findByRole('button', { name: 'Actions for Vera Viewer' }))
    await user.click(await screen.findByRole('menuitem', { name: 'Leave the organization' }))
    await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Leave' }))
    expect(await screen.findByText("You aren't a member of an organization yet")).toBeVisible()
  })

  it('offers a viewer neither to invite nor to change anybody', async () => {
    withPeople({ me: aMe('viewer') })
    openApp('/o/demo/members')
    await row('Stefan Staff')
    expect(screen.queryByRole('button', { name: 'Invite somebody' })).not.toBeInTheDocument()
    expect(screen.queryByRole('button', { name: 'Actions for Stefan Staff' })).not.toBeInTheDocument()
    expect(screen.queryByRole('region', { name: 'Invitations' })).not.toBeInTheDocument()
  })

  it('offers an administrator neither to change owners nor to make one', async () => {
    withPeople({
      me: aMe('admin'),
      members: [
        aColleague('Olivia Owner', 'owner'),
        aColleague('Otto Owner', 'owner'),
        aColleague('Stefan Staff', 'staff'),
      ],
    })
    const { user } = openApp('/o/demo/members')
    await row('Olivia Owner')
    expect(screen.queryByRole('button', { name: 'Actions for Olivia Owner' })).not.toBeInTheDocument()
    await user.click(screen.getByRole('button', { name: 'Actions for Stefan Staff' }))
    await user.click(await screen.findByRole('menuitem', { name: 'Change role and sites' }))
    const dialog = await screen.findByRole('dialog')
    expect(within(dialog).getByRole('radio', { name: /Administrator/ })).toBeInTheDocument()
    expect(within(dialog).queryByRole('radio', { name: /^Owner/ })).not.toBeInTheDocument()
  })
})

describe('an invitation', () => {
  it('tells that its time is over, and is sent again', async () => {
    const backend = withPeople({
      invitations: [anInvitation({ email: 'late@example.com', state: 'expired', expires_at: ago(60) })],
    })
    const { user } = openApp('/o/demo/members')
    expect(within(await row('late@example.com')).getByText('Expired')).toBeVisible()
    await user.click(screen.getByRole('button', { name: 'Resend to late@example.com' }))
    await waitFor(() => expect(screen.queryByText('Expired')).not.toBeInTheDocument())
    expect(backend.asked.some((each) => /POST .*\/resend\/$/.test(each))).toBe(true)
  })

  it('is revoked after asking', async () => {
    withPeople({ invitations: [anInvitation({ email: 'new@example.com' })] })
    const { user } = openApp('/o/demo/members')
    await user.click(await screen.findByRole('button', { name: /Revoke the invitation of new@example.com/ }))
    await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Revoke' }))
    expect(await screen.findByText('Nobody is invited right now')).toBeVisible()
  })
})
