import { screen, waitFor, within } from '@testing-library/react'
import { http } from 'msw'
import { describe, expect, it } from 'vitest'
import { ORG, problem } from '@/testing/answers'
import { openApp } from '@/testing/app'
import { startBackend } from '@/testing/backend'
import { ago, aMe, anAlert } from '@/testing/make'
import { aDelivery, aHealth, anAttempt } from '@/testing/messages'
import { server } from '@/testing/server'

const PAGE = '/o/demo/deliveries'
const row = async (words: string) => (await screen.findByText(words)).closest('li') as HTMLElement

const open = async (user: ReturnType<typeof openApp>['user'], words: string) => {
  const item = await row(words)
  await user.click(item.querySelector('summary') as HTMLElement)
  return within(item)
}

describe('deliveries', () => {
  it('are in the menu of those who may send again', async () => {
    startBackend()
    openApp()
    const links = await screen.findAllByRole('link', { name: 'Deliveries' })
    expect(links[0]).toHaveAttribute('href', PAGE)
  })

  it('have no page for others', async () => {
    startBackend({ me: aMe('staff'), deliveries: [aDelivery()] })
    openApp(PAGE)
    expect(await screen.findByText("This page isn't for your role")).toBeVisible()
    expect(screen.queryByRole('link', { name: 'Deliveries' })).not.toBeInTheDocument()
  })

  it('say what became of each message, how it was sent, to whom and about what', async () => {
    startBackend({ deliveries: [aDelivery({ status: 'delivered', severity: 'warning' })] })
    openApp(PAGE)
    const item = within(await row('Counter fridge is too warm'))
    expect(item.getByText('Arrived')).toBeVisible()
    expect(item.getByText('Warning')).toBeVisible()
    expect(item.getByText('E-mail to chef@example.com · about an alert')).toBeVisible()
  })

  it('unfold every try, with code and duration, and lead to the alert', async () => {
    const delivery = aDelivery({ status: 'failed', attempts: 2, next_attempt_at: ago(-60) })
    startBackend({
      deliveries: [delivery],
      attempts: {
        [delivery.id]: [
          anAttempt({ number: 2, at: ago(60), outcome: 'failed', code: '451', detail: 'Greylisted', duration_ms: 80 }),
          anAttempt({ number: 1, outcome: 'lost', code: '' }),
        ],
      },
    })
    const { user } = openApp(PAGE)
    const item = await open(user, delivery.subject)
    expect(await item.findByText('Greylisted')).toBeVisible()
    expect(item.getByText(/took 80.ms · by smtp · code 451/)).toBeVisible()
    expect(item.getByText('The sender vanished')).toBeVisible()
    expect(item.getByText('Next try')).toBeVisible()
    expect(item.getByRole('link', { name: 'Show the alert' })).toHaveAttribute('href', '/o/demo/alerts/alert-1')
  })

  it('say in words that one may have arrived twice', async () => {
    startBackend({ deliveries: [aDelivery({ maybe_twice: true })] })
    const { user } = openApp(PAGE)
    const item = await open(user, 'Counter fridge is too warm')
    expect(await item.findByText(/It may have arrived twice: a sender vanished/)).toBeVisible()
    expect(item.queryByRole('button', { name: 'Send again' })).not.toBeInTheDocument()
  })

  it('are filtered by state and channel', async () => {
    const backend = startBackend({
      deliveries: [
        aDelivery({ subject: 'Dead mail', status: 'dead' }),
        aDelivery({ subject: 'Sent SMS', channel: 'sms', to: '+49301234567' }),
      ],
    })
    const { user, address } = openApp(PAGE)
    await row('Sent SMS')
    await user.selectOptions(screen.getByLabelText('State'), 'Given up')
    await waitFor(() => expect(screen.queryByText('Sent SMS')).not.toBeInTheDocument())
    expect(await row('Dead mail')).toBeVisible()
    expect(address()).toBe(`${PAGE}?status=dead`)
    await user.selectOptions(screen.getByLabelText('Channel'), 'SMS')
    expect(await screen.findByText('Nothing matches these filters')).toBeVisible()
    expect(backend.asked.some((asked) => /status=dead&channel=sms/.test(asked))).toBe(true)
    await user.click(screen.getByRole('button', { name: 'Clear filters' }))
    expect(await row('Sent SMS')).toBeVisible()
  })

  it('say so where there are none, and where they can’t be had', async () => {
    startBackend()
    const failing = http.get(`${ORG}/notifications/`, () => problem(503, 'busy', 'Busy.'))
    server.use(failing)
    const { user } = openApp(PAGE)
    const again = await screen.findByRole('button', { name: 'Try again' })
    server.resetHandlers()
    startBackend()
    await user.click(again)
    expect(await screen.findByText('Nobody was told anything yet')).toBeVisible()
  })

  it('are asked for again where an alert moves', async () => {
    const backend = startBackend()
    openApp(PAGE)
    expect(await screen.findByText('Nobody was told anything yet')).toBeVisible()
    await waitFor(() => expect(backend.sockets).toBe(1))
    backend.deliveries = [aDelivery()]
    const [unit] = backend.units
    if (!unit) throw new Error('the backend has no unit')
    backend.say({ type: 'alert', cursor: 'c-1', event_id: 'e-1', event: 'commented', alert: anAlert(unit) })
    expect(await screen.findByText('E-mail to chef@example.com · about an alert')).toBeVisible()
  })
})

describe('sending again', () => {
  it('promises one message once more', async () => {
    const delivery = aDelivery({ status: 'dead', last_error: 'No such mailbox' })
    startBackend({ deliveries: [delivery] })
    const { user } = openApp(PAGE)
    const item = await open(user, delivery.subject)
    expect(item.getByText('No such mailbox')).toBeVisible()
    await user.click(item.getByRole('button', { name: 'Send again' }))
    expect(await screen.findByText('The message is on its way again')).toBeVisible()
    await waitFor(async () => expect(within(await row(delivery.subject)).getByText('Waiting')).toBeVisible())
  })

  it('sends the summary that a message was put into', async () => {
    const whole = aDelivery({ subject: '12 alerts', event: 'summary', about: '', status: 'dead' })
    const part = aDelivery({ status: 'dead', summary: whole.id })
    const backend = startBackend({
      deliveries: [whole, part],
      attempts: { [whole.id]: [anAttempt({ outcome: 'refused', detail: 'No such mailbox' })] },
    })
    const { user } = openApp(PAGE)
    const item = await open(user, part.subject)
    expect(await item.findByText('No such mailbox')).toBeVisible()
    await user.click(item.getByRole('button', { name: 'Send the summary again' }))
    await waitFor(() => expect(backend.asked).toContain(`POST resend ${whole.id}`))
  })

  it('says why it isn’t done', async () => {
    startBackend({ deliveries: [aDelivery({ status: 'dead' })] })
    const words = 'It held a secret link or code and was wiped.'
    server.use(http.post(`${ORG}/notifications/:id/resend/`, () => problem(409, 'words_are_gone', words)))
    const { user } = openApp(PAGE)
    const item = await open(user, 'Counter fridge is too warm')
    await user.click(item.getByRole('button', { name: 'Send again' }))
    expect(await item.findByText(words)).toBeVisible()
  })

  it('takes all that were given up, after a question', async () => {
    const backend = startBackend({
      deliveries: [aDelivery({ status: 'dead' }), aDelivery({ status: 'dead', subject: 'Second' })],
      resent: { left: 1 },
    })
    const { user } = openApp(PAGE)
    await user.click(await screen.findByRole('button', { name: 'Send all again…' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Send all again that were given up?' }))
    expect(backend.posted).not.toHaveProperty('resendDead')
    await user.click(dialog.getByRole('button', { name: 'Send again' }))
    expect(await screen.findByText('2 messages are on the way again')).toBeVisible()
    expect(screen.getByText('1 message can’t be sent again.')).toBeVisible()
    expect(backend.posted.resendDead).toEqual({ status: 'dead' })
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Send all again…' })).not.toBeInTheDocument())
  })

  it('isn’t offered for what is older than the server sends again at once', async () => {
    startBackend({ deliveries: [aDelivery({ status: 'dead', created_at: ago(31 * 86_400) })] })
    openApp(PAGE)
    await row('Counter fridge is too warm')
    expect(screen.queryByRole('button', { name: 'Send all again…' })).not.toBeInTheDocument()
  })
})

describe('the health of channels', () => {
  it('is told with last success, last error and rates', async () => {
    startBackend({
      health: [
        aHealth({
          last_success: ago(3 * 60),
          last_error: { at: ago(2 * 3600), code: '451', detail: 'Try later' },
          hour: { sent: 9, failed: 1, refused: 0 },
          day: { sent: 90, failed: 5, refused: 5 },
        }),
        aHealth({ channel: 'sms', provider: 'voxbox', last_success: null }),
      ],
    })
    openApp(PAGE)
    const panel = within(await screen.findByRole('region', { name: 'Channels' }))
    const mail = within((await panel.findByText('E-mail')).closest('li') as HTMLElement)
    expect(mail.getByText('Failing at times')).toBeVisible()
    expect(mail.getByText(/^3.min ago$/)).toBeVisible()
    expect(mail.getByText('code 451: Try later')).toBeVisible()
    expect(mail.getByText('9 of 10 tries taken, 1 failed')).toBeVisible()
    expect(mail.getByText('90 of 100 tries taken, 5 failed, 5 refused')).toBeVisible()
    const sms = within(panel.getByText('SMS').closest('li') as HTMLElement)
    expect(sms.getByText('Not used')).toBeVisible()
    expect(sms.getAllByText('nothing was sent')).toHaveLength(2)
  })

  it('says so where nothing was sent', async () => {
    startBackend()
    openApp(PAGE)
    expect(await screen.findByText('Nothing was sent in the last 30 days')).toBeVisible()
  })
})
