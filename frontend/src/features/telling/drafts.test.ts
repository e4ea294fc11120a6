import { describe, expect, it } from 'vitest'
import { bodyOf, channelsOf, chosen, draftOf, howOften, mistakesIn, nextOf, sameWishes, ticked } from './drafts'
import { inert } from './LetterDialog'
import type { DigestBody, Wishes } from './queries'

const wishes = (fields: Partial<Wishes> = {}): Wishes => ({
  preferences: [],
  quiet_hours: null,
  away: null,
  time_zone: 'America/New_York',
  available: ['email'],
  warnings: [],
  ...fields,
})

describe('wishes', () => {
  it('are by e-mail where nothing was chosen, and ticking twice changes nothing', () => {
    const before = draftOf(wishes())
    expect(channelsOf(before, 'demo', 'info')).toEqual(['email'])
    const off = ticked(before, 'demo', 'info', 'email', false)
    expect(sameWishes(off, before)).toBe(false)
    expect(sameWishes(ticked(off, 'demo', 'info', 'email', true), before)).toBe(true)
  })

  it('keep channels that have no box', () => {
    const draft = draftOf(wishes({ preferences: [{ org: 'demo', severity: 'critical', channels: ['email', 'sms'] }] }))
    expect(channelsOf(ticked(draft, 'demo', 'critical', 'email', false), 'demo', 'critical')).toEqual(['sms'])
  })

  it('come back as they went, also over a change of clocks', () => {
    const away = { from: '2026-10-30T12:00:00.000Z', until: '2026-11-05T13:00:00.000Z' }
    const draft = draftOf(wishes({ away, quiet_hours: { from: '22:00:00', to: '06:00:00' } }))
    expect(draft.away).toEqual({ from: '2026-10-30T08:00', until: '2026-11-05T08:00' })
    expect(bodyOf(draft, 'America/New_York')).toEqual({
      preferences: [],
      quiet_hours: { from: '22:00', to: '06:00' },
      away,
    })
  })

  it('say what is wrong with their times', () => {
    const draft = draftOf(wishes())
    const now = Date.parse('2026-11-21T12:00:00Z')
    const away = (from: string, until: string) => mistakesIn({ ...draft, away: { from, until } }, 'UTC', now).away
    expect(mistakesIn(draft, 'UTC', now)).toEqual({})
    expect(mistakesIn({ ...draft, quiet: { from: '', to: '06:00' } }, 'UTC', now).quiet).toMatch(/both/)
    expect(away('', '2026-11-22T12:00')).toMatch(/both/)
    expect(away('2026-11-22T12:00', '2026-11-22T12:00')).toMatch(/after/)
    expect(away('2026-11-01T12:00', '2026-11-02T12:00')).toMatch(/future/)
    expect(away('2026-11-01T12:00', '2026-11-22T12:00')).toBeUndefined()
  })
})

describe('digests', () => {
  const weekly: DigestBody = { org: 'demo', period: 'weekly', at: '06:30', weekday: 4, enabled: true }

  it('keep the time of what is switched off, and leave other organizations alone', () => {
    const others = { ...weekly, org: 'other' }
    const off = chosen([weekly, others], 'demo', 'none')
    expect(howOften(off, 'demo')).toBe('none')
    expect(howOften(off, 'other')).toBe('weekly')
    expect(chosen(off, 'demo', 'weekly')).toEqual([weekly, others])
    expect(howOften(chosen(off, 'demo', 'both'), 'demo')).toBe('both')
  })

  it('tell of the next one that is switched on', () => {
    const due = (next_at: string, enabled: boolean) => ({ ...weekly, next_at, enabled })
    const digests = [due('2026-11-22T06:00:00Z', false), due('2026-11-27T06:00:00Z', true)]
    expect(nextOf({ digests, time_zone: 'UTC' }, 'demo')?.next_at).toBe('2026-11-27T06:00:00Z')
    expect(nextOf({ digests, time_zone: 'UTC' }, 'other')).toBeUndefined()
  })

  it('have links in their preview that lead nowhere', () => {
    expect(inert('<!doctype html><html><head lang="en"><title>x</title></head></html>')).toContain(
      '<head lang="en"><base target="_blank"><title>',
    )
    expect(inert('<header>no head</header>')).toBe('<header>no head</header>')
  })
})
