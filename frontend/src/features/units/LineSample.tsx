import { lineDash, lineToken } from './lineStyle'

/** A bit of a sensor's line, beside its name. */
export function LineSample({ place }: { place: number }) {
  return (
    <svg width="22" height="8" aria-hidden="true">
      <path
        d="M1 4h20"
        stroke={`var(--ft-${lineToken(place)})`}
        strokeWidth="2.5"
        strokeDasharray={lineDash(place)?.join(' ')}
      />
    </svg>
  )
}
