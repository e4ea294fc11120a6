import { expect, it } from 'vitest'
import type { UnitRule } from '@/shared/api/types'
import { ago, anOverride, aRule } from '@/testing/make'
import { limitsOf, roomWithin } from './limits'

const inForce = (rule: Parameters<typeof aRule>[0], more: Partial<UnitRule> = {}): UnitRule => ({
  ...aRule(rule),
  in_force: true,
  reason: '',
  override: null,
  ...more,
})

it('draws the limits that are in force, from the coldest to the warmest', () => {
  const rules = [
    inForce({ threshold: 8, severity: 'critical' }),
    inForce({ threshold: 5 }),
    inForce({ threshold: 2, condition: 'below' }),
    inForce({ threshold: 4 }, { in_force: false }),
    inForce({ threshold: 70, metric: 'humidity' }),
    inForce({ threshold: null, condition: 'no_data' }),
  ]
  expect(limitsOf(rules).map(({ celsius, side }) => `${side} ${celsius}`)).toEqual(['below 2', 'above 5', 'above 8'])
})

it('draws a limit where it was moved to for this unit, until that ends', () => {
  const moved = inForce({ threshold: 5, delay_s: 1800 }, { override: anOverride({ threshold: 7 }) })
  expect(limitsOf([moved])).toMatchObject([{ celsius: 7, delayMs: 1_800_000 }])
  const over = inForce({ threshold: 5 }, { override: anOverride({ threshold: 7, ended_at: ago(60) }) })
  expect(limitsOf([over])).toMatchObject([{ celsius: 5 }])
})

it('knows the room between the innermost limits of the air', () => {
  const rules = [
    inForce({ threshold: 8, severity: 'critical' }),
    inForce({ threshold: 5 }),
    inForce({ threshold: 4, metric: 'product_temperature' }),
    inForce({ threshold: 0, condition: 'below' }),
  ]
  expect(roomWithin(limitsOf(rules))).toEqual({ low: 0, high: 5 })
  expect(roomWithin([])).toEqual({})
})
