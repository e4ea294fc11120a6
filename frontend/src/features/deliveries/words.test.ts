import { describe, expect, it } from 'vitest'
import { ago } from '@/testing/make'
import { aHealth } from '@/testing/messages'
import { aboutWords, countWords, healthOf, resentWords, shareWords, titleOf, tookWords } from './words'

const plain = (words: string) => words.replaceAll('\u202f', ' ')

describe('a channel', () => {
  const none = { sent: 0, failed: 0, refused: 0 }
  const error = { at: ago(60), code: '451', detail: 'Try later' }

  it('is judged by its last hour, before its last day', () => {
    const bad = { sent: 0, failed: 3, refused: 0 }
    const good = { sent: 5, failed: 0, refused: 0 }
    expect(healthOf(aHealth({ hour: good, day: { ...good, failed: 3 } })).word).toBe('Working')
    expect(healthOf(aHealth({ hour: bad, day: { ...good, failed: 3 } })).word).toBe('Not working')
    expect(healthOf(aHealth({ hour: none, day: { ...good, failed: 3 } })).word).toBe('Failing at times')
  })

  it('isn’t to blame for an address that refuses', () => {
    expect(healthOf(aHealth({ day: { sent: 9, failed: 0, refused: 1 } })).word).toBe('Working')
  })

  it('that rests is told by what came last', () => {
    expect(healthOf(aHealth({ last_success: null })).word).toBe('Not used')
    expect(healthOf(aHealth()).word).toBe('Idle')
    expect(healthOf(aHealth({ last_error: error })).word).toBe('Failed last')
    expect(healthOf(aHealth({ last_success: ago(30), last_error: error })).word).toBe('Idle')
  })
})

describe('rates', () => {
  it('are told in words', () => {
    expect(countWords({ sent: 97, failed: 2, refused: 1 })).toBe('97 of 100 tries taken, 2 failed, 1 refused')
    expect(countWords({ sent: 1, failed: 0, refused: 0 })).toBe('1 of 1 try taken')
    expect(countWords({ sent: 0, failed: 0, refused: 0 })).toBe('nothing was sent')
  })

  it('aren’t rounded to all or nothing', () => {
    expect(plain(shareWords({ sent: 999, failed: 1, refused: 0 }))).toBe('99 %')
    expect(plain(shareWords({ sent: 1, failed: 999, refused: 0 }))).toBe('1 %')
    expect(plain(shareWords({ sent: 7, failed: 0, refused: 0 }))).toBe('100 %')
    expect(plain(shareWords({ sent: 0, failed: 1, refused: 0 }))).toBe('0 %')
    expect(shareWords({ sent: 0, failed: 0, refused: 0 })).toBe('–')
  })
})

describe('a message', () => {
  it('whose secret words were wiped is told by what happened', () => {
    expect(titleOf({ subject: '', event: 'contact.code' })).toBe('Contact code')
    expect(titleOf({ subject: 'Fridge is warm', event: 'alert.opened' })).toBe('Fridge is warm')
  })

  it('says what it is about, also where that is new to us', () => {
    expect(aboutWords({ about: 'alert:1', event: 'alert.opened' })).toBe('about an alert')
    expect(aboutWords({ about: 'oil_change:1', event: 'x' })).toBe('about oil change')
    expect(aboutWords({ about: '', event: 'summary' })).toBe('several messages in one')
    expect(aboutWords({ about: '', event: 'invitation' })).toBeNull()
  })

  it('that is sent again with others says what stays behind', () => {
    expect(resentWords({ resent: ['a'], left: 0, more: false })).toEqual({
      tone: 'ok',
      title: '1 message is on the way again',
      note: '',
    })
    const some = resentWords({ resent: ['a', 'b'], left: 1, more: true })
    expect(some.title).toBe('2 messages are on the way again')
    expect(some.note).toMatch(/1 message can’t be sent again\. There are more/)
    expect(resentWords({ resent: [], left: 2, more: false }).tone).toBe('warning')
  })
})

it('says how long a provider took', () => {
  expect([40, 1240, 75_000].map((ms) => plain(tookWords(ms)))).toEqual(['40 ms', '1.2 s', '1 min'])
})
