import { expect, it } from 'vitest'
import type { UnitLabel } from '@/shared/api/types'
import { productLines, stretchesOf } from './labels'
import { emptySeries } from './series'

const HOUR = 3_600_000
const moment = (at: number) => new Date(at).toISOString()
const label = (kind: UnitLabel['kind'], from: number, sensor = 'a'): UnitLabel => ({
  kind,
  from: moment(from),
  to: moment(from + 1000),
  sensor,
  peak: null,
})
const estimate = (...points: [number, number, string?][]) => ({
  tau_s: 3600,
  results: points.map(([at, product_temperature, sensor = 'a']) => ({ at: moment(at), sensor, product_temperature })),
})

it('shows the defrosts and doors of the sensors that are shown', () => {
  const labels = [label('defrost', 0), label('door_open', 10_000), label('defrost', 20_000, 'b')]
  expect(stretchesOf(labels, 'defrost', new Set())).toHaveLength(2)
  expect(stretchesOf(labels, 'defrost', new Set(['b']))).toEqual([{ from: 0, to: 1000 }])
})

it('draws the product as it is beside single readings, a line a sensor', () => {
  const lines = productLines(estimate([0, 4], [1000, 5], [1000, 3, 'b']), emptySeries({ resolution: 'raw', merged: 1 }))
  expect(lines['product:a']?.map(({ mid }) => mid)).toEqual([4, 5])
  expect(lines['product:b']?.map(({ mid }) => mid)).toEqual([3])
})

it('sums the product up in the same hours as the air', () => {
  const series = emptySeries({ resolution: 'hour', merged: 1 })
  const air = (at: number) => ({ at, low: 1, mid: 2, high: 3, count: 12 })
  series.temperature = { '': [air(0), air(HOUR), air(3 * HOUR)] }
  const lines = productLines(estimate([0, 4], [HOUR - 1, 6], [HOUR, 5], [2 * HOUR, 99], [3 * HOUR, 7]), series)
  expect(lines['product:']).toEqual([
    { at: 0, low: 4, mid: 5, high: 6, count: 2 },
    { at: HOUR, low: 5, mid: 5, high: 5, count: 1 },
    { at: 3 * HOUR, low: 7, mid: 7, high: 7, count: 1 },
  ])
})
