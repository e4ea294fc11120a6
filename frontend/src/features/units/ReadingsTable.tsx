import { Button } from '@mantine/core'
import { useState } from 'react'
import { useScale } from '@/shared/preferences'
import { exactly, pointMoment } from './chartWords'
import classes from './ReadingsTable.module.css'
import type { Resolution, Stretch } from './range'
import { type Point, type Series, within } from './series'
import type { Named } from './TimeChart'

const AT_ONCE = 100

interface Row {
  at: number
  line: string
  temperature: Point | undefined
  humidity: Point | undefined
}

interface Props {
  series: Series
  stretch: Stretch
  names: (line: string) => Named
  zone: string | undefined
  /** The same as a file. */
  csv: string
}

/** What a chart shows, as a table: newest first. */
export function ReadingsTable({ series, stretch, names, zone, csv }: Props) {
  const scale = useScale()
  const [shown, setShown] = useState(AT_ONCE)
  const { grain } = series
  const { resolution } = grain
  const rows = rowsOf(series, stretch)
  const hasHumidity = rows.some((row) => row.humidity)
  const hasSensors = new Set(rows.map((row) => row.line)).size > 1
  const cells = (point: Point | undefined, measure: 'temperature' | 'humidity') =>
    (resolution === 'raw' ? (['mid'] as const) : (['low', 'mid', 'high'] as const)).map((which) => (
      <td key={measure + which}>{point ? exactly(point[which], measure, scale) : '–'}</td>
    ))
  return (
    <div className={classes.box}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys */}
      <section className={classes.scroll} tabIndex={0} aria-label="Readings">
        <table className={classes.table}>
          <caption className="visually-hidden">Readings, newest first</caption>
          <thead>
            <tr>
              <th scope="col">{resolution === 'raw' ? 'Time' : resolution === 'hour' ? 'Hour' : 'Day'}</th>
              {hasSensors && <th scope="col">Sensor</th>}
              {headsOf('temperature', resolution, hasHumidity)}
              {hasHumidity && headsOf('humidity', resolution, true)}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, shown).map((row) => (
              <tr key={`${row.at}${row.line}`}>
                <th scope="row">{pointMoment(row.at, grain, zone)}</th>
                {hasSensors && <td>{names(row.line).name}</td>}
                {cells(row.temperature, 'temperature')}
                {hasHumidity && cells(row.humidity, 'humidity')}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <div className={classes.foot}>
        {rows.length > shown && (
          <Button variant="default" onClick={() => setShown(shown + 5 * AT_ONCE)}>
            Show more
          </Button>
        )}
        <span>
          {Math.min(shown, rows.length)} of {rows.length} rows
        </span>
        <a href={csv} download>
          All of them as CSV
        </a>
      </div>
    </div>
  )
}

const HEADS = { low: 'Lowest', mid: 'Average', high: 'Highest' }

function headsOf(measure: 'temperature' | 'humidity', resolution: Resolution, named: boolean) {
  const what = measure === 'temperature' ? 'Temperature' : 'Humidity'
  if (resolution === 'raw') return <th scope="col">{what}</th>
  return Object.entries(HEADS).map(([key, word]) => (
    <th key={key} scope="col">
      {named ? `${word} ${what.toLowerCase()}` : word}
    </th>
  ))
}

function rowsOf(series: Series, stretch: Stretch): Row[] {
  const rows = new Map<string, Row>()
  for (const measure of ['temperature', 'humidity'] as const) {
    for (const [line, points] of Object.entries(series[measure])) {
      for (const point of within(points, stretch, series.grain)) {
        const key = `${point.at} ${line}`
        const row = rows.get(key) ?? { at: point.at, line, temperature: undefined, humidity: undefined }
        row[measure] = point
        rows.set(key, row)
      }
    }
  }
  return [...rows.values()].sort((a, b) => b.at - a.at)
}
