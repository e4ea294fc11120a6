import { expect, it } from 'vitest'
import { anArea, aRule, aSite, aUnit } from '@/testing/make'
import { limitsOf } from './limits'

const site = aSite()
const unit = aUnit(anArea(site))
const thresholds = (...rules: Parameters<typeof aRule>[0][]) =>
  limitsOf(unit, rules.map(aRule)).map((limit) => limit.celsius)

it('follows the rules of its site, area, kind and itself, and of the whole organization', () => {
  const scopes = [{}, { site: site.id }, { area: unit.area }, { unit: unit.id }, { unit_kind: unit.kind }]
  expect(thresholds(...scopes.map((scope, threshold) => ({ scope, threshold })))).toEqual([0, 1, 2, 3, 4])
})

it("doesn't follow rules of elsewhere, those that are switched off, and those about something else", () => {
  expect(
    thresholds(
      { scope: { site: 'other' } },
      { scope: { unit_kind: 'dry_store' } },
      { enabled: false },
      { metric: 'humidity', threshold: 80 },
      { condition: 'no_data', threshold: null },
    ),
  ).toEqual([])
})

it('has no default limits where they are switched off', () => {
  const rules = [aRule({ is_default: true, threshold: 5 }), aRule({ is_default: false, threshold: 6 })]
  expect(limitsOf({ ...unit, default_rules: false }, rules).map((limit) => limit.celsius)).toEqual([6])
})
