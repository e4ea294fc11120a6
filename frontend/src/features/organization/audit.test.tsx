import { screen, waitFor, within } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { openApp } from '@/testing/app'
import { type Backend, startBackend } from '@/testing/backend'
import { ago, aMe, anAuditEvent, aRule } from '@/testing/make'
import { csvAddress } from './audit'
import { deed } from './auditWords'

function withEvents(events: Partial<Parameters<typeof anAuditEvent>[0]>[], changes: Partial<Backend> = {}): Backend {
  return startBackend({ me: aMe('admin'), audit: events.map((each) => anAuditEvent(each)), ...changes })
}

describe('the audit trail', () => {
  it('tells in a sentence who changed what, through what and from where', async () => {
    const rule = aRule({ name: 'Too warm' })
    withEvents([{ object_id: rule.id }], { rules: [rule] })
    openApp('/o/demo/audit')
    const summary = (await screen.findByText('Mara Manager')).closest('summary')
    await waitFor(() => expect(summary).toHaveTextContent('changed threshold of rule Too warm from 5 to 6'))
    expect(summary).toHaveTextContent('via the app or the API, from 192.0.2.1')
  })

  it('shows before and after of each field, and the rest of the same object', async () => {
    withEvents([
      {
        entity: 'unit',
        object_id: 'unit-1',
        changes: { name: { before: 'Fridge', after: 'Cooler' }, note: { before: '', after: 'Left door' } },
      },
      { entity: 'unit', object_id: 'unit-2', action: 'create', changes: { name: { before: null, after: 'Freezer' } } },
    ])
    const { user, address } = openApp('/o/demo/audit')
    await user.click(await screen.findByText(/changed name and note of unit Cooler/))
    const line = (await screen.findByRole('rowheader', { name: 'name' })).closest('tr') as HTMLElement
    expect(
      within(line)
        .getAllByRole('cell')
        .map((cell) => cell.textContent),
    ).toEqual(['Fridge', 'Cooler'])
    expect(screen.getByText('req-7')).toBeVisible()
    await user.click(screen.getByRole('button', { name: 'Everything that happened to it' }))
    await waitFor(() => expect(address()).toBe('/o/demo/audit?object=unit-1'))
    await waitFor(() => expect(screen.queryByText(/Freezer/)).not.toBeInTheDocument())
  })

  it('keeps its filters in the address, asks the server for them and exports the same', async () => {
    const backend = withEvents([{ entity: 'unit' }, { entity: 'site' }])
    const { user, address } = openApp('/o/demo/audit?from=2026-11-01&to=2026-11-20')
    await user.selectOptions(await screen.findByLabelText('What'), 'Unit')
    await waitFor(() => expect(address()).toContain('entity=unit'))
    await waitFor(() => expect(screen.getAllByText('Mara Manager')).toHaveLength(1))
    const asked = new URLSearchParams(backend.asked.at(-1)?.split('?')[1])
    expect(asked.get('entity')).toBe('unit')
    expect(asked.get('after')).toBe(new Date(2026, 10, 1).toISOString())
    expect(asked.get('before')).toBe(new Date(2026, 10, 21).toISOString())
    const file = new URL(screen.getByRole('link', { name: 'Download CSV' }).getAttribute('href') ?? '', 'http://x')
    expect(file.searchParams.get('format')).toBe('csv')
    expect(file.searchParams.get('entity')).toBe('unit')
    expect(file.searchParams.get('before')).toBe(asked.get('before'))
    await user.click(screen.getByRole('button', { name: 'Clear filters' }))
    await waitFor(() => expect(address()).toBe('/o/demo/audit'))
  })

  it('shows older changes page by page', async () => {
    withEvents(Array.from({ length: 60 }, () => ({})))
    const { user } = openApp('/o/demo/audit')
    await waitFor(() => expect(screen.getAllByText('Mara Manager')).toHaveLength(50))
    await user.click(screen.getByRole('button', { name: 'Show older' }))
    await waitFor(() => expect(screen.getAllByText('Mara Manager')).toHaveLength(60))
    expect(screen.queryByRole('button', { name: 'Show older' })).not.toBeInTheDocument()
  })

  it('says that nothing matches', async () => {
    withEvents([])
    openApp('/o/demo/audit?entity=site')
    expect(await screen.findByText('Nothing matches these filters')).toBeVisible()
  })

  it('leaves what nobody asked for out of the file', () => {
    expect(csvAddress('demo', {})).toBe('/api/v1/orgs/demo/audit-events/?format=csv')
  })
})

describe('a change in words', () => {
  const unnamed = () => undefined
  it.each([
    [
      { entity: 'api_key', action: 'create' as const, changes: { name: { before: null, after: 'Gateway' } } },
      'created API key Gateway',
    ],
    [
      { entity: 'api_key', object_id: 'key', changes: { revoked_at: { before: null, after: ago(1) } } },
      'revoked API key key',
    ],
    [
      { entity: 'site', object_id: 'bar', changes: { deleted_at: { before: ago(9), after: null } } },
      'restored site bar',
    ],
    [
      { entity: 'membership', object_id: 'm', changes: { role: { before: 'staff', after: 'admin' } } },
      'changed role of member m from staff to administrator',
    ],
    [
      { entity: 'membership', object_id: 'm', changes: { sites: { before: null, after: ['one'] } } },
      'changed sites of member m from all sites to one',
    ],
    [
      { entity: 'organization', changes: { name: { before: 'A', after: 'B' } } },
      'changed name of the organization B from A to B',
    ],
    [
      {
        entity: 'security_event',
        action: 'create' as const,
        changes: { kind: { before: null, after: 'invitation_reused' }, detail: { before: null, after: 'x@y.z' } },
      },
      'tried a used invitation again: x@y.z',
    ],
  ])('%#', (fields, words) => expect(deed(anAuditEvent(fields), unnamed)).toBe(words))
})
