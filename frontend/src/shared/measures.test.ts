import { expect, it } from 'vitest'
import {
  amountOf,
  distanceFromField,
  distanceInField,
  distanceOf,
  type Measured,
  sentenceIn,
  thresholdFromField,
  thresholdInField,
} from './measures'

const AIR: Measured = { metric: 'temperature', condition: 'above' }
const RISE: Measured = { metric: 'temperature', condition: 'rate_above' }
const plain = (words: string) => words.replaceAll('\u202f', ' ').replaceAll('\u2212', '-')

it('converts a limit exactly, however often it is shown and typed', () => {
  expect(thresholdFromField(AIR, 41, 'F', null)).toBe(5)
  expect(thresholdFromField(AIR, 135, 'F', null)).toBeCloseTo(57.2222, 4)
  for (let tenth = -600; tenth < 2000; tenth += 1) {
    const shown = tenth / 10
    expect(thresholdInField(AIR, thresholdFromField(AIR, shown, 'F', null), 'F')).toBe(shown)
  }
})

it('keeps what nobody changed to its last digit', () => {
  const odd = 4.123456
  expect(thresholdFromField(AIR, thresholdInField(AIR, odd, 'F'), 'F', odd)).toBe(odd)
  expect(distanceFromField(AIR, distanceInField(AIR, odd, 'F'), 'F', odd)).toBe(odd)
})

it('scales differences only: a rise and a distance have no freezing point', () => {
  expect(thresholdInField(RISE, 10, 'F')).toBe(18)
  expect(thresholdFromField(RISE, 18, 'F', null)).toBe(10)
  expect(distanceInField(AIR, 1, 'F')).toBe(1.8)
  expect(distanceFromField(AIR, 1.8, 'F', null)).toBe(1)
  expect(plain(amountOf(RISE, 10, 'F'))).toBe('18.0 °F an hour')
  expect(plain(distanceOf(AIR, 1, 'F'))).toBe('1.8 °F')
})

it('leaves other measures as they are', () => {
  const humidity: Measured = { metric: 'humidity', condition: 'above' }
  expect(thresholdInField(humidity, 70, 'F')).toBe(70)
  expect(thresholdFromField(humidity, 70, 'F', null)).toBe(70)
  expect(plain(amountOf(humidity, 70, 'F'))).toBe('70 %')
  expect(plain(amountOf({ metric: 'signal', condition: 'below' }, -110, 'F'))).toBe('-110 dBm')
})

it("puts the backend's sentences into the reader's scale", () => {
  expect(plain(sentenceIn('Above 5.0 °C for 30 min; it rose by 10 °C an hour from −18.0 °C.', 'F'))).toBe(
    'Above 41.0 °F for 30 min; it rose by 18.0 °F an hour from -0.4 °F.',
  )
  // (No line ends between a number and its unit.)
  expect(sentenceIn('Above -5.0 °C.', 'C')).toBe('Above \u22125.0\u202f°C.')
})
