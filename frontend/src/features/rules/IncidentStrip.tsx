import { UnstyledButton } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import type { Severity } from '@/shared/api/types'
import { amountOf, type Measured } from '@/shared/measures'
import { useScale } from '@/shared/preferences'
import { LOCALE, moment } from '@/shared/units'
import { ticksOf } from '@/shared/zone'
import classes from './IncidentStrip.module.css'
import type { Row } from './strip'

interface Props {
  rows: Row[]
  from: number
  to: number
  severity: Severity
  measured: Measured
  chosen: string | null
  onChoose: (unit: string | null) => void
}

const LABEL_WIDTH = 64

/** What a rule would have opened above what did open, on one time axis; a unit's name shows its curve. */
export function IncidentStrip({ rows, from, to, severity, measured, chosen, onChoose }: Props) {
  const { ref, width } = useElementSize()
  const ticks = ticksOf(from, to, Math.max(2, width / LABEL_WIDTH), undefined, LOCALE).filter(
    // (Half a label is none.)
    ({ at }) => width === 0 || ((to - at) / (to - from)) * width >= LABEL_WIDTH * 0.75,
  )
  const share = (at: number) => `${(100 * (at - from)) / (to - from)}%`
  return (
    <div className={classes.strip}>
      <div className={classes.axis} ref={ref} aria-hidden="true">
        {ticks.map(({ at, words }) => (
          <span key={at} style={{ left: share(at) }}>
            {words}
          </span>
        ))}
      </div>
      <ul className={classes.rows}>
        {rows.map((row) => (
          <li key={row.unit}>
            <UnstyledButton
              className={classes.row}
              aria-pressed={chosen === row.unit}
              onClick={() => onChoose(chosen === row.unit ? null : row.unit)}
            >
              <span className={classes.head}>
                <span className={classes.name}>{row.name}</span>
                <span className={classes.counts}>
                  {row.would.length} with this rule, {row.did.length} happened
                </span>
              </span>
              <span className={classes.lanes} aria-hidden="true">
                <Lane row={row} {...{ severity, measured }} />
                <span className={classes.lane}>
                  {row.did.map(({ key, start, end, alert, from: since }) => (
                    <span
                      key={key}
                      className={classes.bar}
                      data-tone={alert.severity}
                      data-did
                      style={barStyle(start, end)}
                      title={`${alert.rule_name}, ${moment(since)}`}
                    />
                  ))}
                </span>
              </span>
            </UnstyledButton>
          </li>
        ))}
      </ul>
      <p className={classes.key}>
        <span className={classes.sample} data-tone={severity} aria-hidden="true" /> With this rule
        <span className={classes.sample} data-tone={severity} data-did aria-hidden="true" /> What happened
      </p>
    </div>
  )
}

function Lane({ row, severity, measured }: { row: Row; severity: Severity; measured: Measured }) {
  const scale = useScale()
  return (
    <span className={classes.lane}>
      {row.would.map(({ key, start, end, incident, from }) => (
        <span
          key={key}
          className={classes.bar}
          data-tone={severity}
          style={barStyle(start, end)}
          title={[moment(from), incident.peak !== null && `worst ${amountOf(measured, incident.peak, scale)}`]
            .filter(Boolean)
            .join(', ')}
        />
      ))}
    </span>
  )
}

const barStyle = (start: number, end: number) => ({
  // What is a hair wide at the end of the axis still shows.
  left: `min(${100 * start}%, 100% - 3px)`,
  width: `max(3px, ${100 * (end - start)}%)`,
})
