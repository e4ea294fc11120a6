import { expect, it } from 'vitest'
import type { RulePreview } from '@/shared/api/types'
import { oftenWords, rowsOf } from './strip'

const at = (hours: number) => new Date(hours * 3_600_000).toISOString()
const axis = { from: 0, to: 100 * 3_600_000 }

const preview: Pick<RulePreview, 'incidents' | 'happened'> = {
  incidents: [
    {
      unit: 'a',
      unit_name: 'Fridge',
      started_at: at(10),
      opened_at: at(11),
      resolved_at: at(20),
      value: 6,
      peak: 7,
      sensor: 's',
    },
    {
      unit: 'b',
      unit_name: 'Freezer',
      started_at: at(90),
      opened_at: at(91),
      resolved_at: null,
      value: 6,
      peak: 7,
      sensor: 's',
    },
  ],
  happened: [
    {
      id: 'x',
      unit: 'b',
      opened_at: at(-50),
      resolved_at: at(30),
      peak: 7,
      severity: 'critical',
      rule_name: 'Too warm',
    },
  ],
}

it('puts what a rule would have opened above what did, a row a unit, the busiest first', () => {
  const rows = rowsOf(preview, axis, (unit) => `Unit ${unit}`)
  expect(rows.map(({ name, would, did }) => [name, would.length, did.length])).toEqual([
    ['Freezer', 1, 1],
    ['Fridge', 1, 0],
  ])
  expect(rows[1]?.would[0]).toMatchObject({ start: 0.1, end: 0.2 })
})

it('lets what is still on reach the end, and what began before begin at the beginning', () => {
  const [freezer] = rowsOf(preview, axis, (unit) => unit)
  expect(freezer?.would[0]).toMatchObject({ start: 0.9, end: 1, to: null })
  expect(freezer?.did[0]).toMatchObject({ start: 0, end: 0.3 })
})

it('says how often that is', () => {
  expect(oftenWords(0, 90)).toBe('none')
  expect(oftenWords(5, 90)).toBe('fewer than one a week')
  expect(oftenWords(26, 90)).toBe('about 2 a week')
  expect(oftenWords(270, 90)).toBe('about 3 a day')
})
