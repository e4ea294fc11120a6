import { screen, waitFor, within } from '@testing-library/react'
import { expect, it } from 'vitest'
import { openApp } from '@/testing/app'
import { type Backend, startBackend } from '@/testing/backend'
import { aShift, aSwap } from '@/testing/escalation'
import { ago } from '@/testing/make'

const PAGE = '/o/demo/on-call'
const KITCHEN = { id: 'kitchen', name: 'Kitchen' }

function onDuty(now: string, next: string): Backend {
  const backend = startBackend()
  backend.schedules = [KITCHEN]
  backend.onDuty = [
    { schedule: 'kitchen', schedule_name: 'Kitchen', now: aShift(now), next: aShift(next, { starts_at: ago(-3600) }) },
  ]
  return backend
}

it('says who has the duty of each schedule now, and who after that', async () => {
  onDuty('Anna', 'Ben')
  openApp(PAGE)
  expect(await screen.findByText('Anna')).toBeVisible()
  expect(screen.getByText(/then Ben/)).toBeVisible()
  expect(screen.getByRole('link', { name: 'Kitchen' })).toHaveAttribute('href', `${PAGE}/kitchen`)
})

it('says when nobody has it', async () => {
  onDuty('', 'Ben')
  openApp(PAGE)
  expect(await screen.findByText('Nobody')).toBeVisible()
})

it('explains what happens without any schedule', async () => {
  startBackend()
  openApp(PAGE)
  expect(await screen.findByText('There is no on-call schedule')).toBeVisible()
})

it("shows the weeks to come by the schedule's clock, with what is no cover", async () => {
  const backend = onDuty('Anna', 'Ben')
  const gap = aShift('', { starts_at: '2026-11-23T07:00:00Z', ends_at: '2026-11-23T19:00:00Z' })
  const override = aShift('Ben', { starts_at: '2026-11-22T07:00:00Z', source: 'override', label: '' })
  const gone = aShift('Cleo', { starts_at: '2026-11-24T07:00:00Z', left: true })
  backend.rota = { ...backend.rota, results: [override, gap, gone], gaps: [gap, gone] }
  openApp(`${PAGE}/kitchen`)
  expect(await screen.findByText('Nobody is on duty 2 times')).toBeVisible()
  const rows = within(screen.getByRole('main'))
    .getAllByRole('listitem')
    .map((row) => row.textContent)
  expect(rows[0]).toMatch(/^BenNov 22, 08:00.AM.*instead of the rotation$/)
  expect(rows[1]).toMatch(/^NobodyNov 23, 08:00.AM – Nov 23, 08:00.PM$/)
  expect(rows[2]).toMatch(/^Cleo, who left/)
})

it('lets whoever is asked take a shift or decline it', async () => {
  const backend = startBackend()
  backend.swaps = [aSwap({ taken_by: backend.me?.id ?? '', note: 'Wedding' })]
  const { user } = openApp(PAGE)
  expect(await screen.findByText(/Anna asks you to take Kitchen/)).toBeVisible()
  expect(screen.getByText(/Wedding/)).toBeVisible()
  await user.click(screen.getByRole('button', { name: 'Take it' }))
  await waitFor(() => expect(screen.queryByText(/Anna asks you/)).not.toBeInTheDocument())
  expect(backend.asked.some((line) => line.endsWith('/shift-swaps/a-swap/accept/'))).toBe(true)
})

it('lets whoever asks withdraw', async () => {
  const backend = startBackend()
  backend.swaps = [aSwap({ offered_by: backend.me?.id ?? '' })]
  const { user } = openApp(PAGE)
  expect(await screen.findByText(/You ask Ben to take Kitchen/)).toBeVisible()
  await user.click(screen.getByRole('button', { name: 'Withdraw' }))
  await waitFor(() => expect(backend.swaps).toEqual([]))
})
