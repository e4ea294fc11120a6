import { expect, it } from 'vitest'
import { aRule } from '@/testing/make'
import { bodyOf, draftOf, newDraft, watching, watchOptions, wrongWith } from './draft'
import { clearWords, legalWords, ruleWords } from './words'

const plain = (words: string | null) => (words ?? '').replaceAll('\u202f', ' ').replaceAll('\u2212', '-')

it('says the same rule again when nobody changes it', () => {
  const rule = aRule({ scope: { unit_kind: 'egg_cooler' }, schedule: 'opening_hours', threshold: 6.5 })
  const { name, metric, condition, threshold, severity, delay_s, hysteresis, clear_delay_s, enabled, schedule, scope } =
    rule
  expect(bodyOf(draftOf(rule))).toEqual({
    name,
    metric,
    condition,
    threshold,
    severity,
    delay_s,
    hysteresis,
    clear_delay_s,
    enabled,
    schedule,
    scope,
  })
})

it('has no threshold where nothing is compared, and begins with a sensible one where something is', () => {
  const silent = watching(newDraft({}), 'temperature:no_data')
  expect(bodyOf(silent)).toMatchObject({ condition: 'no_data', threshold: null, hysteresis: 0, delay_s: 1200 })
  const battery = watching(silent, 'battery:below')
  expect(bodyOf(battery)).toMatchObject({ metric: 'battery', condition: 'below', threshold: 15 })
})

it('keeps a limit when only its side changes', () => {
  expect(watching({ ...newDraft({}), threshold: 3.2 }, 'temperature:below').threshold).toBe(3.2)
})

it('offers what a rule watches even where that is seldom', () => {
  const options = watchOptions({ metric: 'humidity', condition: 'rate_above' })
  expect(options.at(-1)?.items).toEqual([{ value: 'humidity:rate_above', label: 'humidity: rate above' }])
})

it('knows what is missing', () => {
  expect(wrongWith(newDraft({}))).toEqual({})
  expect(wrongWith({ ...newDraft({}), threshold: null })).toHaveProperty('threshold')
  expect(wrongWith({ ...newDraft({}), scopeKind: 'site', scopeOf: '' })).toHaveProperty('scope')
  expect(wrongWith({ ...newDraft({}), delay_s: 8 * 86_400 })).toHaveProperty('delay_s')
})

it('says a rule in words, in the scale of the reader', () => {
  const rule = aRule({ threshold: 5, delay_s: 1800, hysteresis: 1, clear_delay_s: 600, schedule: 'opening_hours' })
  expect(plain(ruleWords(rule, 'F'))).toBe('Air above 41.0 °F for 30 min, in opening hours')
  expect(plain(clearWords(rule, 'F'))).toBe('Clears at 39.2 °F or less, 1.8 °F inside the limit for 10 min.')
  const rise = aRule({ condition: 'rate_above', threshold: 10, delay_s: 0 })
  expect(plain(ruleWords(rise, 'F'))).toBe('Air rising faster than 18.0 °F an hour')
  expect(plain(ruleWords(aRule({ metric: 'gateway', condition: 'no_data', threshold: null, delay_s: 900 }), 'C'))).toBe(
    'Gateway silent for 15 min',
  )
})

it('says what the law says, and that it may say no number', () => {
  const law = {
    metric: 'product_temperature' as const,
    condition: 'above' as const,
    threshold: 5,
    within_s: null,
    citation: 'FDA Food Code 2022, 3-501.16(A)(2)',
    url: '',
    jurisdiction: 'us_food_code',
    valid_from: null,
    valid_to: null,
    status: 'verified' as const,
  }
  expect(plain(legalWords(law, 'F'))).toBe('Food at most 41.0 °F')
  expect(legalWords({ ...law, threshold: null }, 'C')).toBe('No number')
})
