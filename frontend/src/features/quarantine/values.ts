/** What a payload says, as far as it can be read, and back again. */

import type { RefusedReading } from '@/shared/api/types'

/** What can be measured, in the units of the API. */
export interface Values {
  temperature?: number | null
  humidity?: number | null
  battery?: number | null
  signal?: number | null
  door_open?: boolean | null
}

export const MEASURES = [
  { name: 'temperature', word: 'Temperature', unit: '°C' },
  { name: 'humidity', word: 'Humidity', unit: '%' },
  { name: 'battery', word: 'Battery', unit: '%' },
  { name: 'signal', word: 'Signal', unit: 'dBm' },
] as const
export type Measure = (typeof MEASURES)[number]['name']

/** The fields of a payload; none where it isn't an object. */
export function fieldsOf(payload: unknown): Record<string, unknown> {
  return typeof payload === 'object' && payload !== null && !Array.isArray(payload)
    ? (payload as Record<string, unknown>)
    : {}
}

/** A value as it was sent, with the unit that it should have. */
export function valueWords(name: string, value: unknown): string {
  if (value === null || value === undefined) return '–'
  if (name === 'door_open') return value === true ? 'open' : value === false ? 'closed' : JSON.stringify(value)
  const unit = MEASURES.find((measure) => measure.name === name)?.unit
  return typeof value === 'number' && unit ? `${value} ${unit}`.replace('-', '−') : JSON.stringify(value)
}

/** "345 °C, 81 %", as it was sent. */
export function measuredWords(payload: unknown): string {
  const fields = fieldsOf(payload)
  const said = MEASURES.filter(({ name }) => fields[name] !== undefined && fields[name] !== null)
  const words = said.map(({ name }) => valueWords(name, fields[name]))
  if (fields.door_open !== undefined && fields.door_open !== null) {
    words.push(`door ${valueWords('door_open', fields.door_open)}`)
  }
  return words.join(', ') || 'no value'
}

/** The payload for reading: JSON with a line for each field, or the text that came. */
export const payloadText = (payload: unknown): string =>
  typeof payload === 'string' ? payload : JSON.stringify(payload, null, 2)

/** A reading as a form holds it. */
export interface Draft {
  sensor: string
  channel: string
  /** "2026-11-21T14:05:09" in the reader's own time. */
  time: string
  door: '' | 'open' | 'closed'
  measured: Record<Measure, string>
}

const text = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''

const two = (value: number): string => String(value).padStart(2, '0')

/** A moment as a field for date and time wants it; empty for what is none. */
export function localTime(moment: unknown): string {
  const at = new Date(text(moment))
  if (Number.isNaN(at.getTime())) return ''
  const day = `${String(at.getFullYear()).padStart(4, '0')}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

export function draftOf(reading: RefusedReading): Draft {
  const fields = fieldsOf(reading.payload)
  const [temperature, humidity, battery, signal] = MEASURES.map(({ name }) => text(fields[name]))
  return {
    sensor: text(fields.sensor) || reading.serial,
    channel: text(fields.channel) || (reading.channel === '0' ? '' : reading.channel),
    time: localTime(reading.recorded_at ?? fields.recorded_at),
    door: fields.door_open === true ? 'open' : fields.door_open === false ? 'closed' : '',
    measured: {
      temperature: temperature ?? '',
      humidity: humidity ?? '',
      battery: battery ?? '',
      signal: signal ?? '',
    },
  }
}

/** A number as people type it; undefined for nothing, NaN for what is none. */
export function numberOf(typed: string): number | undefined {
  const plain = typed.trim().replace(',', '.').replace('−', '-')
  return plain === '' ? undefined : Number(plain)
}

/** What the form sends. A time that nobody touched keeps its fractions of a second. */
export function readingOf(draft: Draft, before: RefusedReading): Record<string, unknown> {
  const untouched = before.recorded_at !== null && draft.time === localTime(before.recorded_at)
  const reading: Record<string, unknown> = {
    sensor: draft.sensor.trim(),
    recorded_at: untouched ? before.recorded_at : new Date(draft.time).toISOString(),
  }
  if (draft.channel.trim()) reading.channel = draft.channel.trim()
  for (const { name } of MEASURES) {
    const value = numberOf(draft.measured[name])
    if (value !== undefined) reading[name] = value
  }
  if (draft.door) reading.door_open = draft.door === 'open'
  return reading
}

/** What is wrong with the form, by field. The server judges the rest by the door's own rules. */
export function mistakesIn(draft: Draft): Record<string, string> {
  const mistakes: Record<string, string> = {}
  if (!draft.sensor.trim()) mistakes.sensor = 'Give the serial of the sensor.'
  if (!draft.time || Number.isNaN(Date.parse(draft.time))) mistakes.time = 'Give the day and time.'
  for (const { name } of MEASURES) {
    if (Number.isNaN(numberOf(draft.measured[name]))) mistakes[name] = 'Give a number.'
  }
  return mistakes
}
