import { Select } from '@mantine/core'
import { useMemo } from 'react'
import { useNow } from '@/shared/now'
import { LOCALE } from '@/shared/units'
import { timeIn, zones } from './zones'

interface Props {
  value: string
  onChange: (zone: string) => void
  error: string | undefined
}

const MINUTE = 60_000

/** A time zone, found by typing part of its name; below it the time there, since names say little. */
export function ZoneSelect({ value, onChange, error }: Props) {
  const now = useNow((ms) => Math.floor(ms / MINUTE) * MINUTE)
  const data = useMemo(() => zones(value).map((zone) => ({ value: zone, label: zone.replaceAll('_', ' ') })), [value])
  const time = timeIn(value, now, LOCALE)
  return (
    <Select
      label="Time zone"
      description={time ? `It is ${time} there now. Days of reports begin at its midnight.` : undefined}
      size="md"
      data={data}
      value={value}
      onChange={(zone) => zone && onChange(zone)}
      error={error}
      searchable
      limit={80}
      allowDeselect={false}
      nothingFoundMessage="No such time zone. Try the next big city."
      checkIconPosition="right"
    />
  )
}
