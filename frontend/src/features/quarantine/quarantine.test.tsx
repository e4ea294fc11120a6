import { screen, waitFor, within } from '@testing-library/react'
import { http } from 'msw'
import { describe, expect, it } from 'vitest'
import type { Readings } from '@/shared/api/types'
import { ORG, problem } from '@/testing/answers'
import { openApp } from '@/testing/app'
import { startBackend } from '@/testing/backend'
import { ago, aMe, anArea, aSensor, aSite, aUnit } from '@/testing/make'
import { aRefusal } from '@/testing/quarantine'
import { server } from '@/testing/server'
import { CODES } from './codes'
import { draftOf, localTime, measuredWords, mistakesIn, numberOf, readingOf } from './values'

const row = async (words: string | RegExp) => (await screen.findByText(words)).closest('li') as HTMLElement

const open = async (user: ReturnType<typeof openApp>['user'], words: string | RegExp) => {
  const item = await row(words)
  await user.click(item.querySelector('summary') as HTMLElement)
  return within(item)
}

describe('refused readings', () => {
  it('are in the menu of those who may see them, with how many are new', async () => {
    startBackend({ me: aMe('manager'), refused: [aRefusal(), aRefusal({ state: 'discarded' })] })
    openApp()
    const links = await screen.findAllByRole('link', { name: /^Refused\s*,\s*1 new/ })
    expect(links[0]).toHaveAttribute('href', '/o/demo/quarantine')
  })

  it('are nobody’s business below a manager', async () => {
    startBackend({ me: aMe('staff'), refused: [aRefusal()] })
    openApp('/o/demo/quarantine')
    expect(await screen.findByText(/role/i)).toBeVisible()
    expect(screen.queryByRole('link', { name: /^Refused/ })).not.toBeInTheDocument()
  })

  it('say so where there are none', async () => {
    startBackend()
    openApp('/o/demo/quarantine')
    expect(await screen.findByText('No refused reading waits')).toBeVisible()
  })

  it('tell a filter that finds nothing from a list that is empty', async () => {
    startBackend({ refused: [aRefusal()] })
    openApp('/o/demo/quarantine?code=invalid')
    expect(await screen.findByText('Nothing matches these filters')).toBeVisible()
  })

  it('say so where they can’t be had, and are asked for again', async () => {
    startBackend({ refused: [aRefusal()] })
    const failing = http.get(`${ORG}/quarantined-readings/`, () => problem(503, 'busy', 'Busy.'), { once: true })
    server.use(failing)
    const { user } = openApp('/o/demo/quarantine')
    await user.click(await screen.findByRole('button', { name: 'Try again' }))
    expect(await screen.findByText('A84041000000005E')).toBeVisible()
  })

  it('are counted by reason, and a reason explains itself', async () => {
    startBackend({ refused: [aRefusal(), aRefusal({ code: 'in_future', serial: 'CLOCK' }), aRefusal()] })
    const { user, address } = openApp('/o/demo/quarantine')
    const reasons = within(await screen.findByRole('list', { name: 'Reasons' }))
    expect(reasons.getAllByRole('button').map((each) => each.textContent)).toEqual(['2Out of range', '1In the future'])
    await user.click(reasons.getByRole('button', { name: /In the future/ }))
    expect(address()).toBe('/o/demo/quarantine?code=in_future')
    const about = within(await screen.findByRole('region', { name: 'What this means' }))
    expect(about.getByText(CODES.in_future.meaning, { exact: false })).toBeVisible()
    expect(about.getByText(/NTP/)).toBeVisible()
    expect(await screen.findByText('CLOCK')).toBeVisible()
    expect(screen.queryByText('A84041000000005E')).not.toBeInTheDocument()
  })

  it('are found by sensor', async () => {
    const backend = startBackend({ refused: [aRefusal(), aRefusal({ serial: 'OTHER' })] })
    const { user, address } = openApp('/o/demo/quarantine')
    await row('OTHER')
    await user.type(screen.getByLabelText('Sensor'), 'OTHER{Enter}')
    await waitFor(() => expect(screen.queryByText('A84041000000005E')).not.toBeInTheDocument())
    expect(address()).toBe('/o/demo/quarantine?serial=OTHER')
    expect(backend.asked.at(-1)).toMatch(/serial=OTHER/)
  })

  it('show what was sent, why it was refused and what to do', async () => {
    startBackend({ refused: [aRefusal({ times: 12, payload: { temperature: 345, extra: [1] } })] })
    const { user } = openApp('/o/demo/quarantine')
    const item = await open(user, 'A84041000000005E')
    expect(item.getByText('temperature 345.0 is outside -200 to 200 °C.')).toBeVisible()
    expect(item.getByText(/Mend its decoder/)).toBeVisible()
    expect(item.getByText(/"temperature": 345/)).toBeVisible()
    expect(item.getByText(/12 times, /)).toBeVisible()
    expect(item.getByText('No sensor has this serial')).toBeVisible()
    expect(item.getByText('readings, key Gateway')).toBeVisible()
  })

  it('stand beside what is stored where they contradict it', async () => {
    const unit = aUnit(anArea(aSite()))
    const sensor = aSensor(unit, { name: 'Air probe' })
    const at = ago(600)
    const stored = { recorded_at: at, sensor: sensor.id, temperature: 3.4, humidity: 80 }
    startBackend({
      sensors: [sensor],
      readingsOf: { [sensor.id]: { resolution: 'raw', results: [stored] } as unknown as Readings },
      refused: [
        aRefusal({
          code: 'conflict',
          sensor: sensor.id,
          recorded_at: at,
          payload: { sensor: sensor.serial, recorded_at: at, temperature: 9.9, humidity: 80 },
        }),
      ],
    })
    const { user } = openApp('/o/demo/quarantine')
    const item = await open(user, 'A84041000000005E')
    const line = (await item.findByRole('rowheader', { name: 'Temperature' })).closest('tr') as HTMLElement
    expect(
      within(line)
        .getAllByRole('cell')
        .map((cell) => cell.textContent),
    ).toEqual(['3.4 °C', '9.9 °C'])
    expect(line).toHaveAttribute('data-differs')
    expect(await item.findByRole('link', { name: 'Air probe' })).toHaveAttribute('href', `/o/demo/units/${unit.id}`)
  })

  it('are corrected in a form and sent in again', async () => {
    const sent = '2026-11-20T12:00:00.250Z'
    const backend = startBackend({
      refused: [
        aRefusal({ recorded_at: sent, payload: { sensor: 'S', channel: '2', temperature: '345', door_open: true } }),
      ],
    })
    const { user } = openApp('/o/demo/quarantine')
    const item = await open(user, 'A84041000000005E')
    await user.click(item.getByRole('button', { name: 'Correct…' }))
    const form = within(await screen.findByRole('dialog', { name: 'Correct and send in again' }))
    const temperature = form.getByLabelText('Temperature (°C)')
    expect(temperature).toHaveValue('345')
    expect(form.getByLabelText('Channel')).toHaveValue('2')
    await user.clear(temperature)
    await user.type(temperature, 'warm')
    await user.click(form.getByRole('button', { name: 'Send in again' }))
    expect(await form.findByText('Give a number.')).toBeVisible()
    await user.clear(temperature)
    await user.type(temperature, '34,5')
    await user.click(form.getByRole('button', { name: 'Send in again' }))
    expect(await screen.findByText('The reading was stored')).toBeVisible()
    expect(await screen.findByText('No refused reading waits')).toBeVisible()
    expect(backend.posted.resubmit).toEqual({
      reading: { sensor: 'S', channel: '2', recorded_at: sent, temperature: 34.5, door_open: true },
    })
  })

  it('say why they are still refused', async () => {
    const refused = aRefusal()
    startBackend({ refused: [refused], stillRefused: { [refused.id]: 'temperature 345.0 is too much.' } })
    const { user } = openApp('/o/demo/quarantine')
    const item = await open(user, 'A84041000000005E')
    await user.click(item.getByRole('button', { name: 'Send in again' }))
    expect(await item.findByRole('alert')).toHaveTextContent('still refused: temperature 345.0 is too much.')
  })

  it('are discarded with a note', async () => {
    const backend = startBackend({ refused: [aRefusal()] })
    const { user } = openApp('/o/demo/quarantine')
    const item = await open(user, 'A84041000000005E')
    await user.click(item.getByRole('button', { name: 'Discard…' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Discard this reading?' }))
    await user.type(dialog.getByLabelText('Why (optional)'), 'In the sink')
    await user.click(dialog.getByRole('button', { name: 'Discard' }))
    expect(await screen.findByText('No refused reading waits')).toBeVisible()
    expect(backend.posted.discard).toEqual({ note: 'In the sink' })
    await user.selectOptions(screen.getByLabelText('Show'), 'Discarded')
    const gone = await open(user, 'A84041000000005E')
    expect(gone.getByText(/by Casey Chef/)).toBeVisible()
    expect(gone.queryByRole('button', { name: 'Correct…' })).not.toBeInTheDocument()
  })

  it('are decided together', async () => {
    const bad = aRefusal({ serial: 'BAD' })
    const backend = startBackend({
      refused: [aRefusal({ serial: 'GOOD' }), bad, aRefusal({ serial: 'LEFT' })],
      stillRefused: { [bad.id]: 'It is too warm to be true.' },
    })
    const { user } = openApp('/o/demo/quarantine')
    await user.click(await screen.findByLabelText('Select all shown'))
    await user.click(screen.getByLabelText(/^Select LEFT/))
    expect(screen.getByText('2 selected')).toBeVisible()
    await user.click(screen.getByRole('button', { name: 'Send in again' }))
    expect(await screen.findByText('1 reading is stored')).toBeVisible()
    expect(await screen.findByText('1 reading is still refused')).toBeVisible()
    expect(screen.getByText('It is too warm to be true.')).toBeVisible()
    expect(backend.posted.resubmitted).toHaveLength(2)
    await waitFor(() => expect(screen.queryByText('GOOD')).not.toBeInTheDocument())

    await user.click(screen.getByLabelText('Select all shown'))
    await user.click(screen.getByRole('button', { name: 'Discard' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Discard 2 readings?' }))
    await user.click(dialog.getByRole('button', { name: 'Discard' }))
    expect(await screen.findByText('No refused reading waits')).toBeVisible()
  })
})

describe('a payload', () => {
  it('is told in a line, whatever it is', () => {
    expect(measuredWords({ temperature: -18.5, humidity: '80', door_open: false })).toBe('−18.5 °C, "80", door closed')
    expect(measuredWords({ sensor: 'S' })).toBe('no value')
    for (const odd of [null, 'text', 7, [1], { temperature: [1] }]) expect(measuredWords(odd)).toBeTruthy()
  })

  it('fills a form as far as it can be read', () => {
    const draft = draftOf(aRefusal({ recorded_at: null, payload: '{"sensor": "S', serial: '' }))
    expect(draft).toEqual({
      sensor: '',
      channel: '',
      time: '',
      door: '',
      measured: { temperature: '', humidity: '', battery: '', signal: '' },
    })
    expect(Object.keys(mistakesIn(draft))).toEqual(['sensor', 'time'])
  })

  it('takes a time without a zone for the reader’s own', () => {
    const refused = aRefusal({ recorded_at: null, payload: { sensor: 'S', recorded_at: '2026-11-20 12:00:05' } })
    const draft = draftOf(refused)
    expect(draft.time).toBe('2026-11-20T12:00:05')
    const at = String(readingOf(draft, refused).recorded_at)
    expect(localTime(at)).toBe('2026-11-20T12:00:05')
    expect(at).toMatch(/Z$/)
  })

  it('has numbers as people type them', () => {
    expect([numberOf('3,5'), numberOf(' −4 '), numberOf(''), numberOf('x')]).toEqual([3.5, -4, undefined, Number.NaN])
  })
})
