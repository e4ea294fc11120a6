import { useDebouncedValue } from '@mantine/hooks'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { Sensor, Unit } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { MOST_LINES, probesQuery, readingsQuery } from './queries'
import { longestSilence, type Stretch, windowOf } from './range'
import type { Named } from './TimeChart'

/** A hand that zooms passes many stretches: only where it rests is asked for. */
const REST = 120

/** What a unit measured in a stretch of time, as finely as fits, and whose lines those are. */
export function useReadings(unit: Unit, stretch: Stretch) {
  const { organization } = useMember()
  const client = useQueryClient()
  const { data: probes, isError } = useQuery(probesQuery(organization, unit.id))
  const gap = useMemo(() => longestSilence((probes ?? []).map((probe) => probe.expected_interval_s ?? 300)), [probes])
  const ids = useMemo(() => linesOf(probes), [probes])
  const query = (wanted: Stretch) => {
    const window = windowOf(wanted, gap, Date.now())
    return readingsQuery(organization, unit.id, ids, window, window.to > Date.now())
  }
  const [resting] = useDebouncedValue(`${stretch.from} ${stretch.to}`, REST)
  const [from = 0, to = 0] = resting.split(' ').map(Number)
  // Whose lines there are decides what to ask for; it is known as fast as anything.
  const readings = useQuery({ ...query({ from, to }), enabled: probes !== undefined || isError })
  const names = useMemo(() => namesOf(probes), [probes])
  return {
    readings,
    gap,
    names,
    /** Where the hand rests: what else is asked of the server is asked for this. */
    resting: { from, to },
    /** A bit more than is shown, on a grid: what is drawn beside the readings is asked for in the same. */
    around: windowOf({ from, to }, gap, Date.now()),
    /** Fetches what will be asked for soon, unless it is known. */
    prefetch: (wanted: Stretch) => void client.prefetchQuery(query(wanted)),
  }
}

/** Sensors that get lines of their own in hours and days, too. */
function linesOf(probes: Sensor[] | undefined): string[] {
  const ids = (probes ?? []).filter((probe) => probe.last_reading_at !== null).map((probe) => probe.id)
  return ids.length >= 2 && ids.length <= MOST_LINES ? ids : []
}

function namesOf(probes: Sensor[] | undefined): (line: string) => Named {
  const known = new Map(
    (probes ?? []).map((probe, place) => {
      const name = probe.name || (probe.channel === '0' ? probe.serial : `${probe.serial} / ${probe.channel}`)
      return [probe.id, { name: probe.status === 'retired' ? `${name} (retired)` : name, place }]
    }),
  )
  const together = { name: known.size > 1 ? 'All sensors' : 'Sensor', place: 0 }
  return (line) => known.get(line) ?? together
}
