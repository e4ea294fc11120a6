import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { HttpResponse, http } from 'msw'
import { describe, expect, it } from 'vitest'
import { openApp } from '@/testing/app'
import { type Backend, startBackend } from '@/testing/backend'
import { ago, aMe, anOverride, aRule } from '@/testing/make'
import { server } from '@/testing/server'

const region = async (name: string) => within(await screen.findByRole('region', { name }))

function withRule(changes: Parameters<typeof aRule>[0] = {}): { backend: Backend; id: string } {
  const backend = startBackend()
  const rule = aRule({ scope: { unit: backend.units[0]?.id }, is_default: false, ...changes })
  backend.rules = [rule]
  return { backend, id: rule.id }
}

describe('the list of rules', () => {
  it('goes from the widest to the narrowest, and finds by words', async () => {
    const { backend } = withRule({ threshold: 8, severity: 'critical' })
    backend.rules = [
      ...backend.rules,
      aRule({ scope: {}, threshold: 6 }),
      aRule({ scope: { unit_kind: 'egg_cooler' } }),
    ]
    const { user, address } = openApp('/o/demo/rules')
    expect(await (await region('Everywhere')).findByRole('link', { name: /Air above 6.0.°C/ })).toBeVisible()
    const order = screen.getAllByRole('heading', { level: 2 }).map((heading) => heading.textContent)
    expect(order).toEqual(['Everywhere', 'Kinds of units', 'Single units'])
    await user.type(screen.getByLabelText('Find a rule'), 'counter')
    expect(await screen.findByRole('link', { name: /Air above 8.0.°C/ })).toBeVisible()
    expect(screen.queryByRole('region', { name: 'Everywhere' })).not.toBeInTheDocument()
    expect(address()).toContain('q=counter')
  })

  it('offers a new one only to those who may', async () => {
    const { backend } = withRule()
    backend.me = aMe('viewer')
    openApp('/o/demo/rules')
    await screen.findByRole('region', { name: 'Single units' })
    expect(screen.queryByRole('link', { name: 'New rule' })).not.toBeInTheDocument()
  })
})

describe('a rule', () => {
  it('is tried on the past while it is written, without being stored', async () => {
    const { backend, id } = withRule()
    const [unit] = backend.units
    const incident = {
      unit: unit?.id ?? '',
      unit_name: 'Counter fridge',
      started_at: ago(86_400),
      opened_at: ago(84_000),
      resolved_at: ago(80_000),
      value: 6,
      peak: 9,
      sensor: 's',
    }
    backend.preview = { incidents: [incident, { ...incident, opened_at: ago(50_000), started_at: ago(52_000) }] }
    const { user } = openApp(`/o/demo/rules/${id}`)
    const preview = await region('What it would have done')
    expect(await preview.findByText('2 alerts')).toBeVisible()
    expect(preview.getByRole('button', { name: /Counter fridge.*2 with this rule, 0 happened/ })).toBeVisible()
    await user.clear(screen.getByLabelText('Limit'))
    await user.type(screen.getByLabelText('Limit'), '7.5')
    await waitFor(() => expect(backend.posted.preview).toMatchObject({ rule: { threshold: 7.5 } }))
    expect(backend.posted.rule).toBeUndefined()
    await user.click(preview.getByRole('radio', { name: '7 days' }))
    await waitFor(() => {
      const { from, to } = backend.posted.preview as { from: string; to: string }
      expect(Date.parse(to) - Date.parse(from)).toBe(7 * 86_400_000)
    })
  })

  it('says what is missing instead of being tried without it', async () => {
    const { id } = withRule()
    const { user } = openApp(`/o/demo/rules/${id}`)
    await user.clear(await screen.findByLabelText('Limit'))
    const preview = await region('What it would have done')
    expect(await preview.findByText(/Fill in what is missing/)).toBeVisible()
    await user.click(screen.getByRole('button', { name: 'Save' }))
    expect(await screen.findByText('Enter a number.')).toBeVisible()
  })

  it("says the server's words where a rule can't be tried", async () => {
    const { id } = withRule({ condition: 'fault', threshold: null })
    server.use(
      http.post('*/api/v1/orgs/:org/alert-rules/preview/', () =>
        HttpResponse.json({ status: 400, code: 'invalid', detail: "A preview can't tell." }, { status: 400 }),
      ),
    )
    openApp(`/o/demo/rules/${id}`)
    expect(await screen.findByText("A preview can't tell.")).toBeVisible()
  })

  it('is written in the scale of the reader and stored in °C; only what changed is sent', async () => {
    const { backend, id } = withRule({ threshold: 5, hysteresis: 1 })
    backend.me = { ...aMe(), temperature_unit: 'f' }
    const { user } = openApp(`/o/demo/rules/${id}`)
    const limit = await screen.findByLabelText('Limit')
    expect(limit).toHaveValue('41\u202f°F')
    await user.clear(limit)
    await user.type(limit, '44.6')
    await user.click(screen.getByRole('button', { name: 'Save' }))
    await waitFor(() => expect(backend.posted.rule).toBeDefined())
    expect(Object.keys(backend.posted.rule as object)).toEqual(['threshold'])
    expect((backend.posted.rule as { threshold: number }).threshold).toBeCloseTo(7, 10)
  })

  it('is made for the unit one came from', async () => {
    const backend = startBackend()
    const [unit] = backend.units
    const { user, address } = openApp(`/o/demo/rules/new?unit=${unit?.id}`)
    await user.type(await screen.findByLabelText('Name'), 'Much too warm')
    await user.click(screen.getByRole('radio', { name: 'Critical' }))
    await user.click(screen.getByRole('button', { name: 'Make rule' }))
    await waitFor(() =>
      expect(backend.posted.rule).toMatchObject({
        name: 'Much too warm',
        severity: 'critical',
        scope: { unit: unit?.id },
      }),
    )
    await waitFor(() => expect(address()).toBe('/o/demo/rules'))
  })

  it('is deleted after a question', async () => {
    const { backend, id } = withRule()
    const { user } = openApp(`/o/demo/rules/${id}`)
    await user.click(await screen.findByRole('button', { name: 'Delete' }))
    await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Delete rule' }))
    await waitFor(() => expect(backend.rules).toEqual([]))
  })

  it('can be looked at by those who may not change it', async () => {
    const { backend, id } = withRule({ threshold: 5 })
    backend.me = aMe('viewer')
    openApp(`/o/demo/rules/${id}`)
    const says = await region('What it says')
    expect(says.getByText(/Air above 5.0.°C for 30.min/)).toBeVisible()
    expect(screen.queryByRole('button', { name: 'Save' })).not.toBeInTheDocument()
    // (Trying a rule is for those who may change it.)
    expect(screen.queryByRole('region', { name: 'What it would have done' })).not.toBeInTheDocument()
  })
})

describe("a unit's rules", () => {
  const openUnit = (backend: Backend) => openApp(`/o/demo/units/${backend.units[0]?.id}`)

  it('are changed for it alone, with a reason and an end', async () => {
    const { backend, id } = withRule({ threshold: 5 })
    const { user } = openUnit(backend)
    const rules = await region('Rules here')
    await user.click(await rules.findByRole('button', { name: /Change here/ }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Change here for a while' }))
    await user.click(dialog.getByRole('button', { name: 'Change' }))
    expect(await dialog.findByText(/Say why/)).toBeVisible()
    await user.clear(dialog.getByLabelText('Limit'))
    await user.type(dialog.getByLabelText('Limit'), '7')
    await user.type(dialog.getByLabelText(/Reason/), 'The door seal is on order.')
    await user.click(dialog.getByRole('button', { name: 'Change' }))
    await waitFor(() => expect(backend.posted.override).toMatchObject({ rule: id, threshold: 7 }))
    expect(backend.posted.override).not.toHaveProperty('delay_s')
    expect(await rules.findByText(/Changed for this unit/)).toBeVisible()
    expect(rules.getByRole('link', { name: /Air above 7.0.°C/ })).toBeVisible()
  })

  it('show how long a change still holds, and end it', async () => {
    const { backend, id } = withRule({ threshold: 5 })
    backend.overrides = [anOverride({ rule: id, threshold: 7, expires_at: ago(-90_000), owner_name: 'Sam Rivera' })]
    const { user } = openUnit(backend)
    const rules = await region('Rules here')
    expect(await rules.findByText(/1.d 1.h left|25.h left|24.h 59.min left|25.h/)).toHaveTextContent('By Sam Rivera')
    await user.click(rules.getByRole('button', { name: 'End it now' }))
    await waitFor(() => expect(rules.queryByText(/Changed for this unit/)).not.toBeInTheDocument())
    expect(rules.getByRole('link', { name: /Air above 5.0.°C/ })).toBeVisible()
  })

  it('stand beside the law, with its citation, and say what drifted', async () => {
    const { backend } = withRule()
    backend.legal = [
      {
        metric: 'product_temperature',
        condition: 'above',
        threshold: 5,
        within_s: null,
        citation: 'FDA Food Code 2022, 3-501.16(A)(2)',
        url: 'https://www.fda.gov/food-code',
        jurisdiction: 'us_food_code',
        valid_from: null,
        valid_to: null,
        status: 'verified',
      },
    ]
    backend.drift = ['“Too warm” (above 6.0 °C) lies beyond the legal limit.']
    backend.me = { ...aMe(), temperature_unit: 'f' }
    openUnit(backend)
    const rules = await region('Rules here')
    expect(await rules.findByText(/Food at most 41.0.°F/)).toBeVisible()
    expect(rules.getByRole('link', { name: /3-501.16/ })).toHaveAttribute('href', 'https://www.fda.gov/food-code')
    expect(rules.getByText(/above 42.8.°F.* lies beyond/)).toBeVisible()
  })

  it('go by how slowly the food follows the air: usual for its kind, or its own', async () => {
    const { backend } = withRule()
    const { user } = openUnit(backend)
    const rules = await region('Rules here')
    expect(await rules.findByText(/as is usual for: reach-in fridge/)).toHaveTextContent('30 min')
    await user.click(rules.getByRole('button', { name: /^Change how slowly/ }))
    const dialog = within(await screen.findByRole('dialog'))
    expect(dialog.getByRole('button', { name: 'Save' })).toBeDisabled()
    await user.click(dialog.getByRole('radio', { name: 'This unit’s own' }))
    const time = dialog.getByRole('textbox', { name: 'Time' })
    await user.clear(time)
    await user.type(time, '2000')
    await user.click(dialog.getByRole('button', { name: 'Save' }))
    expect(await dialog.findByText('At most 1440 minutes, a day.')).toBeVisible()
    await user.clear(time)
    await user.type(time, '90')
    await user.click(dialog.getByRole('button', { name: 'Save' }))
    await waitFor(() => expect(backend.posted.unit).toEqual({ product_tau_s: 5400 }))
    expect(await rules.findByText(/set for this unit/)).toHaveTextContent(/1.h 30.min/)
    await user.click(rules.getByRole('button', { name: /^Change how slowly/ }))
    const again = within(await screen.findByRole('dialog'))
    await user.click(again.getByRole('radio', { name: /^Usual/ }))
    await user.click(again.getByRole('button', { name: 'Save' }))
    await waitFor(() => expect(backend.posted.unit).toEqual({ product_tau_s: null }))
  })

  it('say why there was no alert at a moment', async () => {
    const { backend, id } = withRule()
    backend.reasons = [
      {
        rule: id,
        rule_name: 'Too warm',
        severity: 'warning',
        in_force: true,
        reason: '',
        signal: 'temperature',
        value: 4,
        limit: 5,
        in_breach_since: null,
        counted_s: null,
        delay_s: 1800,
        frozen_s: null,
        open_alert: null,
        muted_by: null,
        words: ['Nothing was in breach, so no alert opened.'],
      },
    ]
    const { user } = openUnit(backend)
    const rules = await region('Rules here')
    await user.click(await rules.findByRole('button', { name: 'Why is there (no) alert?' }))
    const dialog = within(await screen.findByRole('dialog'))
    expect(await dialog.findByText('Nothing was in breach, so no alert opened.')).toBeVisible()
    fireEvent.change(dialog.getByLabelText(/At this moment/), { target: { value: '2026-01-05T10:00' } })
    await waitFor(() => expect(backend.asked.some((each) => each.includes('at=2026-01-05T09%3A00'))).toBe(true))
  })
})
