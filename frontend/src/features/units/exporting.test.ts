import { describe, expect, it } from 'vitest'
import { expectedBytes, expectedRows, fileName, RowCounter, readingsAddress, type Wanted } from './exporting'

const DAY = 86_400_000
const FROM = Date.parse('2026-11-01T05:00:00Z') // midnight in New York, the day the clocks are set back
const wanted = (fields: Partial<Wanted> = {}): Wanted => ({
  from: FROM,
  to: FROM + 365 * DAY,
  resolution: 'raw',
  format: 'csv',
  ...fields,
})
const parts = (...texts: string[]) => {
  const counter = new RowCounter()
  for (const text of texts) counter.take(new TextEncoder().encode(text))
  return counter.rows
}

describe('the name of a file of readings', () => {
  it("says the unit, the site's dates and how fine it is", () => {
    const three = wanted({ from: FROM, to: Date.parse('2026-11-04T05:00:00Z'), resolution: 'hour' })
    expect(fileName('Walk-in cooler', three, 'America/New_York')).toBe(
      'walk-in-cooler_2026-11-01_2026-11-03_by-hour.csv',
    )
  })

  it('says the times of a short stretch', () => {
    const hour = wanted({ from: FROM, to: FROM + 3_600_000, format: 'parquet' })
    expect(fileName('Kühlraum № 3 / links', hour, 'UTC')).toBe(
      'kuhlraum-no-3-links_2026-11-01T0500_2026-11-01T0559_every-reading.parquet',
    )
  })

  it('is one also where a unit is called by nothing a file can be called', () => {
    expect(fileName('???', wanted(), 'UTC')).toMatch(/^unit_2026-11-01_/)
  })
})

describe('the size of a file of readings', () => {
  it('is what the server counted, else what the sensors should have sent', () => {
    expect(expectedRows(wanted(), { count: 1234, intervals: [300] })).toBe(1234)
    expect(expectedRows(wanted(), { count: null, intervals: [300] })).toBe(105_120)
    expect(expectedRows(wanted(), { count: null, intervals: [300, 600] })).toBe(157_680)
    expect(expectedRows(wanted(), { count: null, intervals: [] })).toBe(0)
  })

  it('is at most a row an hour or a day, and never more than there were readings', () => {
    expect(expectedRows(wanted({ resolution: 'hour' }), { count: 105_120, intervals: [] })).toBe(8761)
    expect(expectedRows(wanted({ resolution: 'day' }), { count: 105_120, intervals: [] })).toBe(366)
    expect(expectedRows(wanted({ resolution: 'day' }), { count: 3, intervals: [] })).toBe(3)
  })

  it('grows with its rows, and is smaller as Parquet', () => {
    expect(expectedBytes(2000, 'raw', 'csv')).toBe(2 * expectedBytes(1000, 'raw', 'csv'))
    expect(expectedBytes(2000, 'raw', 'parquet')).toBeLessThan(expectedBytes(2000, 'raw', 'csv'))
  })
})

describe('rows of a CSV file, counted as it comes', () => {
  it('are its lines without the header, wherever the parts are cut', () => {
    expect(parts('at,value\r\n1,2\r', '\n3,', '4\r\n')).toBe(2)
    expect(parts('at,value\r\n')).toBe(0)
    expect(parts()).toBe(0)
  })

  it('are not ended by a line break inside quotes', () => {
    expect(parts('at,unit\n1,"Cooler', '\nby the ""door""\n"\n2,x\n')).toBe(2)
  })
})

it('leaves a file to be found by the browser, too', () => {
  const address = new URL(readingsAddress('my org', 'u-1', wanted({ resolution: 'day' })), 'https://x')
  expect(address.pathname).toBe('/api/v1/orgs/my%20org/units/u-1/readings/')
  expect(Object.fromEntries(address.searchParams)).toEqual({
    from: '2026-11-01T05:00:00.000Z',
    to: '2027-11-01T05:00:00.000Z',
    resolution: 'day',
    format: 'csv',
  })
})
