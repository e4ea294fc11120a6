import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { problem } from '@/testing/answers'
import { openApp } from '@/testing/app'
import { startBackend } from '@/testing/backend'
import { aMe, aSite } from '@/testing/make'

async function openSite(changes: Parameters<typeof aSite>[0] = {}, role: 'manager' | 'viewer' = 'manager') {
  const site = aSite(changes)
  const backend = startBackend({ me: aMe(role), sites: [site] })
  const app = openApp(`/o/demo/sites/${site.id}`)
  await screen.findByRole('heading', { name: site.name })
  return { ...app, backend, site }
}

/** The row of a day. (By its legend: asking for groups by name takes seconds here.) */
const day = (name: string) => within(screen.getByText(name, { selector: 'legend' }).parentElement ?? document.body)
const type = (name: string, label: string, value: string) =>
  fireEvent.change(day(name).getByLabelText(label), { target: { value } })

describe('opening hours', () => {
  it('are filled in once, copied to every day, and saved with a night and a closed day', async () => {
    const { user, backend } = await openSite()
    await user.click(screen.getByRole('radio', { name: 'By the week' }))
    type('Monday', 'Opens', '07:30')
    type('Monday', 'Closes', '21:00')
    await user.click(day('Monday').getByRole('button', { name: 'Copy Monday to every day' }))
    expect(day('Friday').getByLabelText('Opens')).toHaveValue('07:30')
    type('Saturday', 'Closes', '01:00')
    expect(day('Saturday').getByText('next day')).toBeVisible()
    await user.click(day('Sunday').getByRole('switch'))
    await user.click(screen.getByRole('button', { name: 'Save hours' }))
    expect(await screen.findByText('Opening hours saved')).toBeVisible()
    const sent = (backend.posted.site as { opening_hours: object }).opening_hours
    expect(sent).toMatchObject({
      mon: [['07:30', '21:00']],
      sat: [['07:30', '24:00']],
      sun: [['00:00', '01:00']],
    })
    expect(backend.posted.site).not.toHaveProperty('jurisdiction')
    expect(screen.getByRole('button', { name: 'Save hours' })).toBeDisabled()
  })

  it('say what is wrong at its day and send nothing', async () => {
    const { user, backend } = await openSite()
    await user.click(screen.getByRole('radio', { name: 'By the week' }))
    await user.click(day('Tuesday').getByRole('button', { name: 'More hours on Tuesday' }))
    await user.click(screen.getByRole('button', { name: 'Save hours' }))
    expect(day('Tuesday').getByRole('alert')).toHaveTextContent('08:00–22:00 and 17:00–22:00 overlap.')
    expect(backend.posted.site).toBeUndefined()
    const second = day('Tuesday').getAllByRole('button', { name: 'Remove these hours of Tuesday' })[1]
    if (second) await user.click(second)
    expect(day('Tuesday').queryByRole('alert')).not.toBeInTheDocument()
  })

  it("show the server's refusal at its day", async () => {
    const { user, backend } = await openSite()
    backend.refusing = problem(400, 'validation_error', 'Not valid.', [
      { field: 'opening_hours', code: 'overlap', detail: 'wed: these overlap.' },
    ])
    await user.click(screen.getByRole('radio', { name: 'By the week' }))
    await user.click(screen.getByRole('button', { name: 'Save hours' }))
    await waitFor(() => expect(day('Wednesday').getByRole('alert')).toHaveTextContent('These overlap.'))
  })

  it('warn of a week in which it never opens', async () => {
    const { user } = await openSite({ opening_hours: { mon: [['08:00', '22:00']] } })
    await user.click(day('Monday').getByRole('switch'))
    expect(screen.getByText('Closed all week')).toBeVisible()
  })

  it('are read by those who may not change them', async () => {
    await openSite({ opening_hours: { mon: [['08:00', '24:00']] }, jurisdiction: 'uk' }, 'viewer')
    expect(screen.getByText('Monday')).toBeVisible()
    expect(screen.getByText('08:00–midnight')).toBeVisible()
    expect(screen.getByText('United Kingdom')).toBeVisible()
    expect(screen.queryByRole('button', { name: /Save/ })).not.toBeInTheDocument()
  })
})

it('lets a manager choose whose law applies, by name', async () => {
  const { user, backend } = await openSite({ jurisdiction: '' })
  const law = screen.getByLabelText('Legal limits of')
  expect(law).toHaveDisplayValue('United States: FDA Food Code')
  await user.selectOptions(law, 'United Kingdom')
  await user.click(screen.getByRole('button', { name: 'Save' }))
  await waitFor(() => expect(backend.posted.site).toEqual({ jurisdiction: 'uk' }))
  expect(await screen.findByText('Saved: other legal limits apply')).toBeVisible()
})

it('lists every site with its hours and its law', async () => {
  const sites = [aSite({ opening_hours: { mon: [['08:00', '22:00']] } }), aSite({ name: 'Quay', jurisdiction: 'eu' })]
  startBackend({ sites })
  openApp('/o/demo/sites')
  const quay = (await screen.findByRole('link', { name: 'Quay' })).closest('li')
  expect(quay).toHaveTextContent('Every day always open')
  expect(quay).toHaveTextContent('European Union')
  expect(screen.getByText('Monday 08:00–22:00 · Tuesday to Sunday closed')).toBeVisible()
})
