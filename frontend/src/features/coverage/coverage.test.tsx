import { screen, waitFor, within } from '@testing-library/react'
import { expect, it } from 'vitest'
import { openApp } from '@/testing/app'
import { startBackend } from '@/testing/backend'
import { covered } from '@/testing/escalation'
import { aMe } from '@/testing/make'

const PAGE = '/o/demo/coverage'

it('says that somebody hears of everything, where that is so', async () => {
  startBackend()
  openApp(PAGE)
  expect(await screen.findByText('Somebody hears of every alert')).toBeVisible()
})

it('shows what is worst first, and leads to where it is mended', async () => {
  startBackend({
    coverage: covered(
      { severity: 'critical', text: 'Nobody hears of Harbour Street.', path: '/o/demo/escalation' },
      { text: 'Nobody is on duty in Kitchen on Sunday.' },
    ),
  })
  const { user, address } = openApp(PAGE)
  const worst = within(await screen.findByRole('region', { name: 'Something critical might reach nobody' }))
  expect(worst.getAllByRole('link').map((link) => link.textContent)).toEqual(['Nobody hears of Harbour Street.'])
  const others = within(screen.getByRole('region', { name: 'Worth mending' }))
  expect(others.getByRole('link')).toHaveAttribute('href', '/o/demo/on-call/kitchen')
  await user.click(worst.getByRole('link'))
  await waitFor(() => expect(address()).toBe('/o/demo/escalation'))
})

it('counts holes in the menu', async () => {
  startBackend({ coverage: covered({ severity: 'critical' }, {}) })
  openApp()
  const menu = within(await screen.findByRole('navigation', { name: 'Main' }))
  expect(await menu.findByRole('link', { name: /^Coverage.*2 to mend$/ })).toBeInTheDocument()
})

it('says how many are left out', async () => {
  startBackend({ coverage: { ...covered({}), more: 12 } })
  openApp(PAGE)
  expect(await screen.findByText(/And 12 more/)).toBeVisible()
})

it('is not for a viewer', async () => {
  startBackend({ me: aMe('viewer') })
  openApp(PAGE)
  expect(await screen.findByText("This page isn't for your role")).toBeVisible()
})
