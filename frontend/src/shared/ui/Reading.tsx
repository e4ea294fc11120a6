import { useScale } from '@/shared/preferences'
import { temperatureNumber } from '@/shared/units'
import classes from './Reading.module.css'

interface Props {
  celsius: number | null
  size?: 'sm' | 'md' | 'lg' | 'xl'
  /** Not the newest any more: shown, but not as what is true now. */
  stale?: boolean
}

/** A temperature in the reader's scale. Digits keep their width, so that a changing number doesn't dance. */
export function Reading({ celsius, size = 'md', stale }: Props) {
  const scale = useScale()
  if (celsius === null) {
    return (
      <span className={classes.reading} data-size={size} data-stale>
        <span aria-hidden="true">–</span>
        <span className="visually-hidden">no temperature</span>
      </span>
    )
  }
  return (
    <span className={classes.reading} data-size={size} data-stale={stale || undefined}>
      <span className={classes.number}>{temperatureNumber(celsius, scale)}</span>
      <span className={classes.unit}>°{scale}</span>
    </span>
  )
}
