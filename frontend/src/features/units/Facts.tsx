import { useQuery } from '@tanstack/react-query'
import type { Statistics, Unit, UnitLabel } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { useScale } from '@/shared/preferences'
import { DataList } from '@/shared/ui/DataList'
import { dayOf, duration, moment, temperature } from '@/shared/units'
import { stretchesOf } from './labels'
import { type Limit, roomWithin } from './limits'
import classes from './ReadingsPanel.module.css'
import type { Grain, Stretch } from './range'
import type { Summary } from './series'
import { onGrid, statisticsQuery } from './statistics'

interface Props {
  unit: Unit
  facts: Summary
  grain: Grain
  stretch: Stretch
  limits: Limit[]
  /** Defrosts and open doors, where they are shown. */
  labels: UnitLabel[]
  zone: string | undefined
  /** Several sensors: their times add up. */
  together: boolean
}

/** What a chart shows, in figures: lowest, highest, average, and how long the unit was within its limits. */
export function Facts({ unit, facts, grain, stretch, limits, labels, zone, together }: Props) {
  const { organization } = useMember()
  const scale = useScale()
  const room = roomWithin(limits)
  const statistics = useQuery(statisticsQuery(organization, unit.id, onGrid(stretch), room)).data
  const average = statistics?.avg ?? facts.average
  const extreme = ({ value, at }: { value: number; at: number }) => (
    <>
      {temperature(value, scale)}{' '}
      <span className={classes.when}>{grain.resolution === 'day' ? dayOf(at, zone) : moment(at, zone)}</span>
    </>
  )
  const hasRoom = room.low !== undefined || room.high !== undefined
  return (
    <DataList
      facts={[
        { term: 'Lowest', value: extreme(facts.lowest) },
        { term: 'Highest', value: extreme(facts.highest) },
        average != null && { term: 'Average', value: temperature(average, scale) },
        statistics != null &&
          hasRoom &&
          statistics.measured_s > 0 && {
            term: `Within ${roomWords(room, scale)}`,
            value: <Share {...{ statistics, together }} />,
          },
        counted('Defrosts', labels, 'defrost', stretch),
        counted('Door opened', labels, 'door_open', stretch),
      ]}
    />
  )
}

/** How often something was going on, and for how long in all; nothing where it never was. */
function counted(term: string, labels: UnitLabel[], kind: UnitLabel['kind'], { from, to }: Stretch) {
  const seen = stretchesOf(labels, kind, NONE).filter((each) => each.from < to && each.to > from)
  if (seen.length === 0) return null
  const sum = seen.reduce((all, each) => all + Math.min(each.to, to) - Math.max(each.from, from), 0)
  const value = (
    <>
      {seen.length === 1 ? 'once' : `${seen.length} times`} <span className={classes.when}>{duration(sum)}</span>
    </>
  )
  return { term, value }
}

const NONE: ReadonlySet<string> = new Set()

function roomWords({ low, high }: { low?: number; high?: number }, scale: 'C' | 'F'): string {
  if (low === undefined) return `limits (up to ${temperature(high, scale)})`
  if (high === undefined) return `limits (from ${temperature(low, scale)})`
  return `limits (${temperature(low, scale)} to ${temperature(high, scale)})`
}

function Share({ statistics, together }: { statistics: Statistics; together: boolean }) {
  const { measured_s, in_range_s, above_s, below_s } = statistics
  const percent = (100 * in_range_s) / measured_s
  // 99.97 % isn't all of it.
  const shown = percent === 100 ? '100' : Math.min(percent, 99.9).toFixed(1)
  const out = [
    above_s > 0 && `${duration(above_s * 1000)} above`,
    below_s > 0 && `${duration(below_s * 1000)} below`,
  ].filter(Boolean)
  return (
    <>
      {shown}
      {'\u202f'}% of the time{' '}
      <span className={classes.when}>
        {out.join(', ') || `${duration(measured_s * 1000)} measured`}
        {together && ', all sensors together'}
      </span>
    </>
  )
}
