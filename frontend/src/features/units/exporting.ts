/** What a file of readings will be: its address, name and size. Pure functions. */

import { DAY, HOUR, wallText } from '@/shared/zone'
import type { Resolution, Stretch } from './range'

export type Format = 'csv' | 'parquet'

export interface Wanted extends Stretch {
  resolution: Resolution
  format: Format
}

export const FORMATS: Record<Format, { label: string; media: string }> = {
  csv: { label: 'CSV, for spreadsheets', media: 'text/csv' },
  parquet: { label: 'Parquet, for data tools', media: 'application/vnd.apache.parquet' },
}

/** Where a browser finds the file by itself. */
export function readingsAddress(organization: string, unit: string, { from, to, resolution, format }: Wanted): string {
  const query = new URLSearchParams({
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    resolution,
    format,
  })
  return `/api/v1/orgs/${encodeURIComponent(organization)}/units/${unit}/readings/?${query}`
}

/** "walk-in-cooler_2026-11-01_2026-11-21_by-hour.csv", with the site's dates. */
export function fileName(unit: string, { from, to, resolution, format }: Wanted, zone: string | undefined): string {
  const name = unit
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 60)
  const isShort = to - from < 2 * DAY
  const part = (at: number) => (isShort ? wallText(at, zone).replace(':', '') : wallText(at, zone).slice(0, 10))
  const fineness = resolution === 'raw' ? 'every-reading' : `by-${resolution}`
  // (The end is exclusive: a file up to midnight is one of the day before.)
  return `${name || 'unit'}_${part(from)}_${part(to - 1)}_${fineness}.${format}`
}

interface Known {
  /** Readings there are, where the server counted them. */
  count: number | null
  /** Seconds between readings of each sensor. */
  intervals: number[]
}

/** About how many rows a file will have. */
export function expectedRows({ from, to, resolution }: Stretch & { resolution: Resolution }, known: Known): number {
  const span = Math.max(0, to - from)
  const expected = known.intervals.reduce((sum, interval) => sum + span / 1000 / interval, 0)
  const readings = known.count ?? Math.round(expected)
  if (resolution === 'raw') return readings
  return Math.min(readings, Math.ceil(span / (resolution === 'hour' ? HOUR : DAY)) + 1)
}

/** Bytes a row, as measured with a year of one sensor that reports each value every five minutes. */
const ROW_BYTES: Record<Format, Record<Resolution, number>> = {
  csv: { raw: 131, hour: 65, day: 66 },
  parquet: { raw: 9, hour: 15, day: 20 },
}

export const expectedBytes = (rows: number, resolution: Resolution, format: Format): number =>
  rows * ROW_BYTES[format][resolution]

const QUOTE = 0x22
const NEWLINE = 0x0a

/** Counts the rows of a CSV file as its parts come. A line break inside quotes ends no row; the header isn't one. */
export class RowCounter {
  private lines = 0
  private quoted = false

  take(part: Uint8Array): void {
    for (const byte of part) {
      if (byte === QUOTE) this.quoted = !this.quoted
      else if (byte === NEWLINE && !this.quoted) this.lines += 1
    }
  }

  get rows(): number {
    return Math.max(0, this.lines - 1)
  }
}
