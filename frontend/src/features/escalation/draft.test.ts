import { describe, expect, it } from 'vitest'
import { aPolicy } from '@/testing/escalation'
import {
  bodyOf,
  canBeSaved,
  canBeTried,
  differing,
  draftOf,
  newDraft,
  swapped,
  withoutStep,
  withStep,
  wrongWith,
} from './draft'

const everywhere = { scopeKind: 'organization', scopeOf: '' } as const
const waits = (steps: { wait_s: number | null }[]) => steps.map(({ wait_s }) => wait_s)
const keys = (steps: { key: number }[]) => steps.map(({ key }) => key)

describe('a draft', () => {
  it('says the same as the policy it was made from', () => {
    const policy = aPolicy({ scope: { unit_kind: 'egg_cooler' } })
    const { id, is_default, created_at, ...said } = policy
    expect(bodyOf(draftOf(policy))).toEqual(said)
    expect(differing(draftOf(policy), draftOf(policy))).toEqual({})
  })

  it('sends only what was changed', () => {
    const before = draftOf(aPolicy())
    expect(differing(before, { ...before, scopeKind: 'site', scopeOf: 's' })).toEqual({ scope: { site: 's' } })
    expect(differing(before, { ...before, repeat_s: 600 })).toEqual({ repeat_s: 600 })
  })

  it('can be tried before it has a name, but not saved', () => {
    const wrong = wrongWith(newDraft(everywhere))
    expect(canBeTried(wrong)).toBe(true)
    expect(canBeSaved(wrong)).toBe(false)
  })

  it('says which step lacks what', () => {
    const draft = newDraft(everywhere)
    const [first, second] = draft.steps
    if (!first || !second) throw new Error('a draft begins with two steps')
    const wrong = wrongWith({
      ...draft,
      steps: [
        { ...first, targets: [] },
        { ...second, wait_s: null },
      ],
      repeat_s: 10,
    })
    expect(wrong.steps[first.key]).toEqual({ targets: 'Choose who is told.' })
    expect(wrong.steps[second.key]).toEqual({ wait_s: 'From 0 to 1440 minutes.' })
    expect(wrong.repeat_s).toBe('From 1 to 1440 minutes.')
    expect(canBeTried(wrong)).toBe(false)
  })
})

describe('its steps', () => {
  const steps = withStep(newDraft(everywhere).steps)

  it('change places while the times between them stay', () => {
    const moved = swapped(steps, 0, 1)
    expect(keys(moved)).toEqual([1, 0, 2])
    expect(waits(moved)).toEqual(waits(steps))
    expect(swapped(steps, 0, -1)).toEqual(steps)
  })

  it('are still taken as the alert opens when the first was removed', () => {
    const rest = withoutStep(steps, 0)
    expect(keys(rest)).toEqual([1, 2])
    expect(waits(rest)).toEqual([0, 900])
  })

  it('have keys of their own, also when one was removed', () => {
    expect(keys(withStep(withoutStep(steps, 1)))).toEqual([0, 2, 3])
  })
})
