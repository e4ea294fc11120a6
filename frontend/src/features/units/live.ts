/** What live messages change in what we know of units. */

import type { QueryClient } from '@tanstack/react-query'
import type { Sensor, Unit } from '@/shared/api/types'
import { type LiveHandler, type LiveReading, refetchGently, type UnitNow } from '@/shared/live'
import { sitesQuery } from '@/shared/sites'
import { sensorsQuery, unitsQuery } from './queries'
import { type Series, withReading } from './series'

/** Entities whose change is seen on a tile. */
const SHOWN = new Set(['unit', 'area', 'site', 'sensor', 'alert_rule'])
const QUERY_OF: Record<string, string> = { area: 'areas', site: 'sites', alert_rule: 'alert-rules' }

export const onUnitMessage: LiveHandler = (client, organization, message) => {
  if (message.type === 'snapshot') takeSnapshot(client, organization, message.units)
  else if (message.type === 'readings') takeReadings(client, organization, message.batch)
  else if (message.type === 'alert') {
    const { unit, severity, status } = message.alert
    if (unit && status !== 'resolved' && severity !== 'info') raise(client, organization, unit, severity)
    // What is left after a resolve only the server knows: another alert may be open.
    refetchGently(client, unitsQuery(organization).queryKey)
  } else if (message.type === 'device') {
    refetchGently(client, unitsQuery(organization).queryKey)
    refetchGently(client, ['sensors', organization])
  } else if (message.type === 'change' && SHOWN.has(message.entity)) {
    const other = QUERY_OF[message.entity]
    if (other) refetchGently(client, [other, organization])
    refetchGently(client, unitsQuery(organization).queryKey)
    refetchGently(client, ['sensors', organization])
  }
}

function takeSnapshot(client: QueryClient, organization: string, units: UnitNow[]): void {
  const { queryKey } = unitsQuery(organization)
  const now = new Map(units.map((unit) => [unit.unit, unit]))
  const known = client.getQueryData(queryKey)
  if (!known) return // the list is on its way and is as new
  client.setQueryData(
    queryKey,
    known.map((unit) => {
      const state = now.get(unit.id)
      return state ? merged(unit, state) : unit
    }),
  )
  const ids = new Set(known.map((unit) => unit.id))
  if (units.some((unit) => !ids.has(unit.unit))) refetchGently(client, queryKey)
}

function merged(unit: Unit, state: UnitNow): Unit {
  const { temperature, humidity, recorded_at, status } = state
  return { ...unit, temperature, humidity, recorded_at, status }
}

function takeReadings(client: QueryClient, organization: string, batch: LiveReading[]): void {
  const { queryKey } = unitsQuery(organization)
  const newest = new Map<string, LiveReading>()
  for (const reading of batch) {
    const before = newest.get(reading.unit)
    if (!before || before.recorded_at <= reading.recorded_at) newest.set(reading.unit, reading)
    addToSeries(client, organization, reading)
    addToSensor(client, organization, reading)
  }
  let revived = false
  client.setQueryData(queryKey, (units) =>
    units?.map((unit) => {
      const reading = newest.get(unit.id)
      if (!reading || isOlder(reading.recorded_at, unit.recorded_at)) return unit
      revived ||= unit.status === 'no_data' || unit.status === 'fault'
      return {
        ...unit,
        // A reading may bring one value only; the other is still the newest there is.
        temperature: reading.temperature ?? unit.temperature,
        humidity: reading.humidity ?? unit.humidity,
        recorded_at: reading.recorded_at,
      }
    }),
  )
  // It speaks again: whether that makes it well only the server knows.
  if (revived) refetchGently(client, queryKey)
}

const isOlder = (at: string, than: string | null): boolean => than !== null && Date.parse(at) < Date.parse(than)

/** Every chart that reaches the present grows at its end: nothing is fetched again. */
function addToSeries(client: QueryClient, organization: string, reading: LiveReading): void {
  const shown = client.getQueriesData<Series>({ queryKey: ['readings', organization, reading.unit, 'live'] })
  if (shown.length === 0) return
  const zone = client.getQueryData(sitesQuery(organization).queryKey)?.find(({ id }) => id === reading.site)?.timezone
  for (const [key, series] of shown) {
    const [from, to] = [Number(key[5]), Number(key[6])]
    const updatedAt = client.getQueryState(key)?.dataUpdatedAt
    // (It is as old as it was: another look at the server brings what the connection missed.)
    if (series) client.setQueryData(key, withReading(series, reading, { from, to, zone }), { updatedAt })
  }
}

function addToSensor(client: QueryClient, organization: string, reading: LiveReading): void {
  client.setQueryData(sensorsQuery(organization, reading.unit).queryKey, (sensors) =>
    sensors?.map((sensor: Sensor) =>
      sensor.id !== reading.sensor || isOlder(reading.recorded_at, sensor.last_reading_at)
        ? sensor
        : {
            ...sensor,
            temperature: reading.temperature ?? sensor.temperature,
            humidity: reading.humidity ?? sensor.humidity,
            last_reading_at: reading.recorded_at,
          },
    ),
  )
}

/** A tile turns with the alert, not a request later. */
function raise(client: QueryClient, organization: string, id: string, severity: 'warning' | 'critical'): void {
  client.setQueryData(unitsQuery(organization).queryKey, (units) =>
    units?.map((unit) =>
      unit.id === id && (severity === 'critical' || unit.status === 'ok') ? { ...unit, status: severity } : unit,
    ),
  )
}
