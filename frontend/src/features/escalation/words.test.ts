import { describe, expect, it } from 'vitest'
import { aPolicy, aTurn, toldAt } from '@/testing/escalation'
import { aColleague, anArea, aSite, aUnit } from '@/testing/make'
import { askAgainIn } from './queries'
import { countdown, inOrder, listWords, scopeWords, stepTitle, summaryWords, targetWords, turnOf } from './words'

const plain = (words: string) => words.replaceAll('\u202f', ' ')
const sam = aColleague('Sam Rivera', 'staff')
const people = { colleagues: [sam], schedules: [{ id: 'n', name: 'Nights' }] as never[] }
const NOON = '2026-07-01T12:00:00Z'

describe('a policy in one line', () => {
  it('says who comes after whom, and when it begins anew', () => {
    expect(plain(summaryWords(aPolicy(), people))).toBe(
      'Managers at once → everybody after 15 min → again after 30 min',
    )
  })

  it('names people and duties, and folds what is too long to read', () => {
    const step = { wait_s: 300, urgent: false, targets: [{ person: sam.user.id }, { schedule: 'n' }] }
    const steps = [{ ...step, wait_s: 0 }, step, step, step, step, step]
    expect(plain(summaryWords({ steps, repeat_s: 3600 }, people))).toBe(
      'Sam Rivera and on duty: Nights at once → Sam Rivera and on duty: Nights after 5 min → ' +
        'Sam Rivera and on duty: Nights after 5 min → 3 more steps → again after 1 h',
    )
  })

  it('says of people who left that they did', () => {
    expect(targetWords({ person: 'gone' }, people)).toBe('Somebody who left')
    expect(targetWords({ schedule: 'gone' }, people)).toBe('On duty: a schedule that is gone')
  })
})

describe('where a policy holds', () => {
  it('is said by name', () => {
    const site = aSite()
    const unit = aUnit(anArea(site))
    const places = { sites: [site], units: [unit] }
    expect(scopeWords({}, places)).toBe('Everywhere')
    expect(scopeWords({ unit_kind: 'walk_in_freezer' }, places)).toBe('Every walk-in freezer')
    expect(scopeWords({ site: site.id }, places)).toBe('Harbour Street Kitchen')
    expect(scopeWords({ unit: unit.id }, places)).toBe('Counter fridge, Harbour Street Kitchen')
    expect(scopeWords({ unit: 'gone' }, places)).toBe('A unit')
  })

  it('orders them as the server goes through them', () => {
    const policies = [
      aPolicy({ name: 'begun with', is_default: true }),
      aPolicy({ name: 'any severity', severity: '' }),
      aPolicy({ name: 'everywhere' }),
      aPolicy({ name: 'at night', hours: 'closed' }),
      aPolicy({ name: 'site', scope: { site: 's' } }),
      aPolicy({ name: 'kind', scope: { unit_kind: 'egg_cooler' } }),
      aPolicy({ name: 'unit', scope: { unit: 'u' } }),
    ]
    expect(inOrder(policies).map(({ name }) => name)).toEqual([
      'unit',
      'kind',
      'site',
      'at night',
      'everywhere',
      'any severity',
      'begun with',
    ])
  })
})

describe('whose turn it is', () => {
  it('is the first step that reaches somebody', () => {
    const nobody = aTurn(NOON, [], { people: [toldAt(NOON, 'Alex Kim', 'Away.')] })
    expect(turnOf([nobody, aTurn(NOON, ['Olga Owner'], { step: 2 })])).toEqual({
      who: 'Olga Owner',
      many: false,
      held: null,
    })
    expect(turnOf([nobody])).toEqual({ who: 'Managers', many: true, held: null })
  })

  it('says until when quiet hours hold the message back, unless somebody is told before', () => {
    const late = '2026-07-01T18:00:00Z'
    const step = aTurn(NOON, [], { people: [toldAt(late, 'Olga Owner')] })
    expect(turnOf([step]).held).toBe(late)
    expect(turnOf([{ ...step, people: [...step.people, toldAt(NOON, 'Sam Rivera')] }]).held).toBeNull()
  })

  it('names a few and counts the others', () => {
    expect(listWords(['A'])).toBe('A')
    expect(listWords(['A', 'B', 'C'])).toBe('A, B and C')
    expect(listWords(['A', 'B', 'C', 'D', 'E'])).toBe('A, B and 3 more')
  })

  it('counts down by the second, and by the minute where it is long', () => {
    expect(plain(countdown(250_000))).toBe('4 min 10 s')
    expect(plain(countdown(59_400))).toBe('1 min 0 s')
    expect(plain(countdown(900))).toBe('1 s')
    expect(plain(countdown(-5))).toBe('0 s')
    expect(plain(countdown(4_800_000))).toBe('1 h 20 min')
  })

  it('is asked for again as it falls due, and often while the server takes the step', () => {
    const now = Date.parse(NOON)
    expect(askAgainIn('2026-07-01T12:00:20Z', now)).toBe(20_500)
    expect(askAgainIn('2026-07-01T12:20:00Z', now)).toBe(60_000)
    expect(askAgainIn('2026-07-01T11:59:59Z', now)).toBe(5_000)
    expect(askAgainIn(null, now)).toBe(60_000)
  })

  it('says which step it is, and that it begins anew', () => {
    expect(stepTitle(aTurn(NOON, []), 1)).toBe('Step 1 of 2')
    expect(stepTitle(aTurn(NOON, [], { step: 2, round: 3 }), 3)).toBe('Step 2 of 2, round 3')
    expect(stepTitle(aTurn(NOON, [], { round: 2 }), 1)).toBe('Again from step 1')
    expect(stepTitle(aTurn(NOON, [], { of: 1 }), 1)).toBe('The only step')
    expect(stepTitle(aTurn(NOON, [], { of: 1, round: 2 }), 1)).toBe('Round 2')
  })
})
