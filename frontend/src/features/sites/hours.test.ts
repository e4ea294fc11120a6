import { describe, expect, it } from 'vitest'
import { DAYS, type Day, linesOf, refusalOf, type Span, storedOf, type Week, weekOf, wrongWith } from './hours'

const closed = (): Week => Object.fromEntries(DAYS.map((day) => [day, []])) as unknown as Week
const week = (hours: Partial<Record<Day, Span[]>>): Week => ({ ...closed(), ...hours })
const span = (opens: string, closes: string): Span => ({ opens, closes })

describe('a night', () => {
  it('is stored as its evening and its morning, and read as one again', () => {
    const fridays = week({ fri: [span('17:00', '02:00')] })
    const stored = storedOf(fridays)
    expect(stored).toMatchObject({ fri: [['17:00', '24:00']], sat: [['00:00', '02:00']], sun: [] })
    expect(weekOf(stored)).toEqual(fridays)
  })

  it('may go from Sunday into Monday', () => {
    const sundays = week({ sun: [span('20:00', '01:30')] })
    expect(storedOf(sundays)).toMatchObject({ sun: [['20:00', '24:00']], mon: [['00:00', '01:30']] })
    expect(weekOf(storedOf(sundays))).toEqual(sundays)
  })

  it('that ends at midnight has no second part', () => {
    const until = week({ mon: [span('08:00', '00:00')] })
    expect(storedOf(until)).toMatchObject({ mon: [['08:00', '24:00']], tue: [] })
    expect(weekOf(storedOf(until))).toEqual(until)
  })

  it('is not made of whole days that touch', () => {
    const days = { mon: [['00:00', '24:00']], tue: [['00:00', '06:00']] }
    expect(weekOf(days)).toMatchObject({ mon: [span('00:00', '00:00')], tue: [span('00:00', '06:00')] })
  })
})

it('keeps every week that the server may have stored as it is', () => {
  const weeks = [
    { mon: [['08:00', '14:00']] },
    {
      mon: [
        ['00:00', '02:00'],
        ['08:00', '12:00'],
        ['12:00', '24:00'],
      ],
      tue: [['00:00', '11:59']],
    },
    { mon: [['10:00', '24:00']], tue: [['00:00', '10:00']], wed: [['00:00', '24:00']] },
    Object.fromEntries(DAYS.map((day) => [day, [['00:00', '24:00']]])),
  ]
  for (const stored of weeks) {
    const full = { ...Object.fromEntries(DAYS.map((day) => [day, []])), ...stored }
    expect(storedOf(weekOf(stored))).toEqual(full)
  }
})

it('tells a site that is always open from one that never is', () => {
  expect(weekOf({})).toBeNull()
  expect(storedOf(null)).toEqual({})
  expect(Object.keys(storedOf(closed()))).toEqual([...DAYS])
  expect(weekOf(storedOf(closed()))).toEqual(closed())
})

describe('what is wrong', () => {
  it.each([
    [{ mon: [span('', '10:00')] }, 'mon', /Enter when/],
    [{ mon: [span('08:00', '08:00')] }, 'mon', /same time/],
    [{ mon: [span('08:00', '12:00'), span('11:00', '14:00')] }, 'mon', '08:00–12:00 and 11:00–14:00 overlap.'],
    [
      { mon: [span('17:00', '02:00')], tue: [span('01:00', '10:00')] },
      'tue',
      'This begins before the night of Monday is over, at 02:00.',
    ],
  ])('is said at its day: %j', (hours, day, said) => {
    const wrong = wrongWith(week(hours as Partial<Record<Day, Span[]>>))
    expect(Object.keys(wrong)).toEqual([day])
    expect(wrong[day as Day]).toMatch(said)
  })

  it('is nothing where hours only touch', () => {
    expect(wrongWith(week({ mon: [span('08:00', '12:00'), span('12:00', '14:00')] }))).toEqual({})
    expect(wrongWith(week({ mon: [span('17:00', '02:00')], tue: [span('02:00', '10:00')] }))).toEqual({})
    expect(wrongWith(week({ mon: [span('00:00', '00:00')] }))).toEqual({})
  })

  it('is taken from the server with its day', () => {
    expect(refusalOf('tue: 08:00–12:00 and 11:00–14:00 overlap.')?.day).toBe('tue')
    expect(refusalOf('Give an object with hours by weekday.')).toBeNull()
  })
})

it('is summed up in as few lines as it takes', () => {
  const usual = [span('08:00', '22:00')]
  expect(linesOf(storedOf(week({ mon: usual, tue: usual, wed: usual, fri: [span('17:00', '02:00')] })))).toEqual([
    { days: 'Monday to Wednesday', hours: '08:00–22:00' },
    { days: 'Thursday', hours: 'closed' },
    { days: 'Friday', hours: '17:00–02:00 (next day)' },
    { days: 'Saturday and Sunday', hours: 'closed' },
  ])
  expect(linesOf({})).toEqual([{ days: 'Every day', hours: 'always open' }])
  expect(linesOf(storedOf(closed()))).toEqual([{ days: 'Every day', hours: 'closed' }])
})
