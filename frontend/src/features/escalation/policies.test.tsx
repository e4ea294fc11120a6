import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { openApp } from '@/testing/app'
import { type Backend, startBackend } from '@/testing/backend'
import { aPolicy, aRehearsal, aTurn } from '@/testing/escalation'
import { aColleague, ago, aMe, aMembership } from '@/testing/make'

const PAGE = '/o/demo/escalation'
const region = async (name: string) => within(await screen.findByRole('region', { name }))
const step = (number: number) => within(screen.getByRole('group', { name: `Step ${number}` }))
const chips = (number: number) =>
  step(number)
    .queryAllByRole('button', { name: /^Don't tell/ })
    .map((button) => button.parentElement?.textContent)

function withPolicy(fields: Parameters<typeof aPolicy>[0] = {}): { backend: Backend; id: string } {
  const backend = startBackend()
  const policy = aPolicy(fields)
  backend.policies = [policy]
  return { backend, id: policy.id }
}

/** A manager who sees only some sites. */
function restricted(backend: Backend): void {
  const me = aMe('manager')
  const sites = backend.sites.map(({ id }) => id)
  backend.me = { ...me, memberships: [aMembership('demo', 'manager', { name: 'Harbour Foods', sites })] }
}

describe('the list of policies', () => {
  it('says of each where it holds and whom it calls, the one that goes before others first', async () => {
    const { backend } = withPolicy({ is_default: true })
    const nights = aPolicy({ name: 'Nights', hours: 'closed', severity: '', scope: { site: backend.sites[0]?.id } })
    backend.policies = [...backend.policies, { ...nights, enabled: false }]
    openApp(PAGE)
    expect(await screen.findByRole('link', { name: 'Nights' })).toBeVisible()
    const rows = within(screen.getByRole('main'))
      .getAllByRole('listitem')
      .map((row) => row.textContent?.replaceAll('\u202f', ' '))
    const calls = 'Managers at once → everybody after 15 min → again after 30 min'
    expect(rows[0]).toContain(calls)
    expect(rows[0]).toContain('Warnings and critical · Outside opening hours · switched off')
    expect(rows[1]).toContain('Everywhere · Critical alerts · default')
  })

  it('is in the navigation, and leads to a new one and to each', async () => {
    withPolicy()
    const { user, address } = openApp()
    const [link] = await screen.findAllByRole('link', { name: 'Escalation' })
    if (!link) throw new Error('there is no link')
    await user.click(link)
    expect(await screen.findByRole('link', { name: 'New policy' })).toHaveAttribute('href', `${PAGE}/new`)
    await user.click(screen.getByRole('link', { name: 'Critical alerts' }))
    await waitFor(() => expect(address()).toBe(`${PAGE}/policy-of-Critical-alerts`))
  })

  it('explains what happens without any', async () => {
    startBackend()
    openApp(PAGE)
    expect(await screen.findByText('There is no escalation policy')).toBeVisible()
    expect(screen.getByText(/managers are told when an alert opens and reminded/)).toBeVisible()
    expect(screen.getByRole('link', { name: 'New policy' })).toBeVisible()
  })

  it('warns when every policy is switched off', async () => {
    withPolicy({ enabled: false })
    openApp(PAGE)
    expect(await screen.findByText('No policy is switched on')).toBeVisible()
  })

  it('is read by a viewer, who makes none', async () => {
    const { backend } = withPolicy()
    backend.me = aMe('viewer')
    openApp(PAGE)
    await screen.findByRole('link', { name: 'Critical alerts' })
    expect(screen.queryByRole('link', { name: 'New policy' })).not.toBeInTheDocument()
  })
})

describe('a policy', () => {
  it('is made with roles, people and whoever is on duty', async () => {
    const backend = startBackend()
    const sam = aColleague('Sam Rivera', 'staff')
    backend.members = [sam]
    backend.schedules = [{ id: 'schedule-1', name: 'Nights' }]
    const { user, address } = openApp(`${PAGE}/new`)
    await user.type(await screen.findByLabelText('Name'), 'Freezers')
    await user.selectOptions(screen.getByLabelText('Where'), 'A kind of unit')
    await user.click(screen.getByRole('combobox', { name: 'Which' }))
    await user.click(await screen.findByRole('option', { name: 'Walk-in freezer' }))
    await user.click(screen.getByRole('radio', { name: 'Both' }))
    await user.click(step(1).getByRole('button', { name: "Don't tell Managers and above" }))
    await user.click(step(1).getByRole('combobox', { name: 'Tell' }))
    await user.click(await screen.findByRole('option', { name: 'On duty: Nights' }))
    await user.click(step(1).getByRole('combobox', { name: 'Tell' }))
    await user.click(await screen.findByRole('option', { name: 'Sam Rivera' }))
    expect(chips(1)).toEqual(['On duty: Nights', 'Sam Rivera'])
    await user.click(step(2).getByRole('checkbox', { name: "Quiet hours don't hold it back" }))
    await user.click(screen.getByRole('button', { name: 'Make policy' }))
    await waitFor(() =>
      expect(backend.posted.policy).toEqual({
        name: 'Freezers',
        scope: { unit_kind: 'walk_in_freezer' },
        severity: '',
        hours: 'always',
        steps: [
          { wait_s: 0, targets: [{ schedule: 'schedule-1' }, { person: sam.user.id }], urgent: true },
          { wait_s: 900, targets: [{ role: 'staff' }], urgent: false },
        ],
        repeat_s: 1800,
        enabled: true,
      }),
    )
    await waitFor(() => expect(address()).toBe(PAGE))
    expect(await screen.findByRole('link', { name: 'Freezers' })).toBeVisible()
  })

  it('says at the fields what is missing', async () => {
    const backend = startBackend()
    const { user } = openApp(`${PAGE}/new`)
    await user.selectOptions(await screen.findByLabelText('Where'), 'One site')
    await user.click(step(1).getByRole('button', { name: "Don't tell Managers and above" }))
    await user.clear(step(2).getByRole('textbox', { name: 'After the step before' }))
    await user.click(screen.getByRole('button', { name: 'Make policy' }))
    expect(await screen.findByText('Give it a name: messages and timelines use it.')).toBeVisible()
    expect(screen.getByText('Choose where it holds.')).toBeVisible()
    expect(step(1).getByText('Choose who is told.')).toBeVisible()
    expect(step(2).getByText('From 0 to 1440 minutes.')).toBeVisible()
    expect(backend.posted.policy).toBeUndefined()
  })

  it('has steps that move by keyboard, with the focus, while the times between them stay', async () => {
    const { backend, id } = withPolicy()
    const { user } = openApp(`${PAGE}/${id}`)
    const up = await screen.findByRole('button', { name: 'Move step 2 up' })
    expect(screen.getByRole('button', { name: 'Move step 1 up' })).toBeDisabled()
    up.focus()
    await user.keyboard('{Enter}')
    expect(chips(1)).toEqual(['Everybody from staff up'])
    expect(chips(2)).toEqual(['Managers and above'])
    expect(screen.getByText('Step 2 is now step 1.')).toBeInTheDocument()
    // (It can't go further up: the other button has the focus.)
    expect(screen.getByRole('button', { name: 'Move step 1 down' })).toHaveFocus()
    await user.click(screen.getByRole('button', { name: 'Save' }))
    await waitFor(() =>
      expect(backend.posted.policy).toEqual({
        steps: [
          { wait_s: 0, targets: [{ role: 'staff' }], urgent: true },
          { wait_s: 900, targets: [{ role: 'manager' }], urgent: true },
        ],
      }),
    )
  })

  it('gets and loses steps, but keeps one', async () => {
    const { id } = withPolicy()
    const { user } = openApp(`${PAGE}/${id}`)
    await user.click(await screen.findByRole('button', { name: 'Add a step' }))
    expect(screen.getByRole('group', { name: 'Step 3' })).toBeVisible()
    await user.click(screen.getByRole('button', { name: 'Remove step 1' }))
    expect(chips(1)).toEqual(['Everybody from staff up'])
    expect(step(1).getByRole('textbox', { name: 'After the alert opens' })).toHaveValue('0\u202fmin')
    expect(screen.getByRole('button', { name: 'Add a step' })).toHaveFocus()
    await user.click(screen.getByRole('button', { name: 'Remove step 2' }))
    expect(screen.queryByRole('button', { name: /^Remove step/ })).not.toBeInTheDocument()
  })

  it('is changed in minutes, and only what was changed is sent', async () => {
    const { backend, id } = withPolicy()
    const { user } = openApp(`${PAGE}/${id}`)
    const repeat = await screen.findByLabelText('Again from the first step after')
    expect(repeat).toHaveValue('30\u202fmin')
    expect(screen.getByRole('button', { name: 'Save' })).toBeDisabled()
    await user.clear(repeat)
    await user.type(repeat, '45')
    await user.click(screen.getByRole('switch', { name: 'Switched on' }))
    await user.click(screen.getByRole('button', { name: 'Save' }))
    await waitFor(() => expect(backend.posted.policy).toEqual({ repeat_s: 2700, enabled: false }))
  })

  it('shows what the server says at its fields, also where a step has moved since', async () => {
    const { backend, id } = withPolicy()
    const gone = 'There is no person who works here with this id.'
    backend.refusedPolicy = [
      { field: 'name', code: 'invalid', detail: 'Another one has this name.' },
      { field: 'steps.1.targets.0', code: 'invalid', detail: gone },
      { field: 'repeat_s', code: 'min_value', detail: 'Too soon.' },
    ]
    const { user } = openApp(`${PAGE}/${id}`)
    await user.type(await screen.findByLabelText('Name'), '!')
    await user.click(screen.getByRole('button', { name: 'Save' }))
    expect(await screen.findByText('Another one has this name.')).toBeVisible()
    expect(screen.getByText('Too soon.')).toBeVisible()
    expect(step(2).getByText(gone)).toBeVisible()
    await user.click(screen.getByRole('button', { name: 'Move step 2 up' }))
    expect(step(1).getByText(gone)).toBeVisible()
  })

  it('shows what the server says of its steps as a whole, and of nothing in particular', async () => {
    const { backend, id } = withPolicy()
    backend.refusedPolicy = [{ field: 'steps', code: 'invalid', detail: 'There is no on-call schedule with the id 1.' }]
    const { user } = openApp(`${PAGE}/${id}`)
    await user.type(await screen.findByLabelText('Name'), '!')
    await user.click(screen.getByRole('button', { name: 'Save' }))
    expect(await screen.findByText('There is no on-call schedule with the id 1.')).toBeVisible()
    backend.refusedPolicy = [{ field: '', code: 'invalid', detail: 'Not today.' }]
    await user.click(screen.getByRole('button', { name: 'Save' }))
    expect(await screen.findByText('Not today.')).toBeVisible()
  })

  it('is deleted after a question that says what follows', async () => {
    const { backend, id } = withPolicy()
    const { user, address } = openApp(`${PAGE}/${id}`)
    await user.click(await screen.findByRole('button', { name: 'Delete' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Delete this policy?' }))
    expect(dialog.getByText(/Alerts that opened with “Critical alerts” still follow it/)).toBeVisible()
    await user.click(dialog.getByRole('button', { name: 'Delete policy' }))
    await waitFor(() => expect(backend.policies).toEqual([]))
    await waitFor(() => expect(address()).toBe(PAGE))
  })

  it('that does not exist says so', async () => {
    startBackend()
    openApp(`${PAGE}/gone`)
    expect(await screen.findByText(/This escalation policy doesn't exist/)).toBeVisible()
  })

  it('can be looked at by those who may not change it', async () => {
    const { backend, id } = withPolicy()
    backend.me = aMe('viewer')
    openApp(`${PAGE}/${id}`)
    const says = await region('What it says')
    expect(says.getByText(/^After 15.min: Everybody from staff up/)).toBeVisible()
    expect(says.getByText('Your role can look. A manager can change it.')).toBeVisible()
    expect(screen.queryByRole('button', { name: 'Save' })).not.toBeInTheDocument()
    expect(screen.queryByRole('region', { name: 'What it would do' })).not.toBeInTheDocument()
  })
})

describe('members of some sites', () => {
  it('look at what holds for all of them, and may try it', async () => {
    const { backend, id } = withPolicy()
    restricted(backend)
    openApp(`${PAGE}/${id}`)
    const says = await region('What it says')
    expect(says.getByText(/It holds beyond your sites/)).toBeVisible()
    expect(screen.queryByRole('button', { name: 'Save' })).not.toBeInTheDocument()
    expect(await screen.findByRole('region', { name: 'What it would do' })).toBeVisible()
  })

  it('change what holds at theirs, and make new ones there only', async () => {
    const { backend, id } = withPolicy()
    backend.policies = backend.policies.map((policy) => ({ ...policy, scope: { site: backend.sites[0]?.id } }))
    restricted(backend)
    openApp(`${PAGE}/${id}`)
    const where = await screen.findByLabelText('Where')
    expect(
      within(where)
        .getAllByRole('option')
        .map(({ textContent }) => textContent),
    ).toEqual(['One site', 'One unit'])
    expect(screen.getByRole('button', { name: 'Save' })).toBeInTheDocument()
  })
})

describe('what a policy would do', () => {
  it('is tried whenever the form rests, and drawn as on an alert', async () => {
    const { backend, id } = withPolicy()
    backend.rehearsal = aRehearsal({
      results: [aTurn(ago(0), ['Olga Owner']), aTurn(ago(-900), [], { step: 2 })],
      warnings: ['Only Olga Owner is ever told. If that person sleeps, nobody hears of it.'],
    })
    const { user } = openApp(`${PAGE}/${id}`)
    const tried = await region('What it would do')
    expect(await tried.findByText('Olga Owner')).toBeVisible()
    expect(tried.getByText('Reaches nobody: it is passed over.')).toBeVisible()
    expect(tried.getByText(/^Only Olga Owner is ever told/)).toBeVisible()
    expect(backend.posted.dryRun).toEqual({
      unit: backend.units[0]?.id,
      severity: 'critical',
      policy: {
        steps: [
          { wait_s: 0, targets: [{ role: 'manager' }], urgent: true },
          { wait_s: 900, targets: [{ role: 'staff' }], urgent: true },
        ],
        repeat_s: 1800,
      },
    })
    const wait = step(2).getByRole('textbox', { name: 'After the step before' })
    await user.clear(wait)
    await user.type(wait, '5')
    await waitFor(() => expect(backend.posted.dryRun).toMatchObject({ policy: { steps: [{}, { wait_s: 300 }] } }))
    expect(backend.posted.policy).toBeUndefined()
  })

  it('is tried for another place, severity and time, by the clock of the site', async () => {
    const { backend, id } = withPolicy()
    const { user } = openApp(`${PAGE}/${id}`)
    const tried = await region('What it would do')
    await user.click(tried.getByRole('combobox', { name: 'If an alert opened at' }))
    await user.click(await screen.findByRole('option', { name: 'Harbour Street Kitchen' }))
    await user.click(tried.getByRole('radio', { name: 'Warning' }))
    await user.click(tried.getByRole('radio', { name: 'Another time' }))
    fireEvent.change(tried.getByLabelText('It opens at'), { target: { value: '2026-01-05T03:00' } })
    await waitFor(() =>
      expect(backend.posted.dryRun).toMatchObject({
        site: backend.sites[0]?.id,
        severity: 'warning',
        at: '2026-01-05T02:00:00.000Z',
      }),
    )
    expect(backend.posted.dryRun).not.toHaveProperty('unit')
  })

  it("isn't tried while something is missing", async () => {
    const { backend, id } = withPolicy()
    const { user } = openApp(`${PAGE}/${id}`)
    const tried = await region('What it would do')
    await waitFor(() => expect(backend.posted.dryRun).toBeDefined())
    const before = backend.asked.length
    await user.click(step(1).getByRole('button', { name: "Don't tell Managers and above" }))
    expect(await tried.findByText('Fill in what is missing, and it is tried here.')).toBeVisible()
    await new Promise((done) => setTimeout(done, 700))
    expect(backend.asked.slice(before).filter((each) => each.includes('dry-run'))).toEqual([])
  })
})
