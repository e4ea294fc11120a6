import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Sensor, Unit } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { useScale } from '@/shared/preferences'
import { sitesQuery } from '@/shared/sites'
import { Age } from '@/shared/ui/Age'
import { IconBattery, IconSignal, IconThermometer } from '@/shared/ui/icons'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { Reading } from '@/shared/ui/Reading'
import { StatusBadge } from '@/shared/ui/StatusBadge'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { type Tone, UNIT_STATUS } from '@/shared/ui/status'
import { percent, temperature, unitKind } from '@/shared/units'
import type { Limit, Span } from './limits'
import { areasQuery, sensorsQuery } from './queries'
import { type History, UnitReadingsPanel } from './ReadingsPanel'
import classes from './UnitPage.module.css'

interface Props {
  unit: Unit
  /** Which time its chart shows. */
  history: History
  /** The limits in force, as lines of the chart. */
  limits: Limit[]
  /** Its alerts as shaded stretches of the chart. */
  spans: Span[]
  /** What mutes it; the mutes feature tells it. */
  muted: React.ReactNode
  /** What may be done with it. */
  actions: React.ReactNode
  /** What bounds it; the rules feature draws it. */
  rules: React.ReactNode
  /** Its alerts as a list; the alerts feature draws it. */
  alerts: React.ReactNode
}

/** One unit: how it is now, how it was, what bounds it and what measures it. */
export function UnitPage({ unit, history, limits, spans, muted, actions, rules, alerts }: Props) {
  const { organization } = useMember()
  const site = useQuery(sitesQuery(organization)).data?.find((each) => each.id === unit.site)
  const area = useQuery(areasQuery(organization)).data?.find((each) => each.id === unit.area)
  return (
    <Page
      title={unit.name}
      above={
        <>
          <Link to="/o/$org" params={{ org: organization }} search={{ site: unit.site }} className={classes.crumb}>
            {site?.name ?? 'Site'}
          </Link>
          {area && ` · ${area.name}`}
        </>
      }
      below={<span>{unitKind(unit)}</span>}
      actions={actions}
    >
      {muted}
      <div className={classes.columns}>
        <div className={classes.column}>
          <Now unit={unit} />
          <UnitReadingsPanel {...{ unit, limits, spans, ...history }} />
          {alerts}
        </div>
        <div className={classes.column}>
          {rules}
          <Sensors unit={unit} />
          {unit.note && (
            <Panel title="Note">
              <p className={classes.note}>{unit.note}</p>
            </Panel>
          )}
        </div>
      </div>
    </Page>
  )
}

function Now({ unit }: { unit: Unit }) {
  const { tone, word } = UNIT_STATUS[unit.status]
  const stale = unit.status === 'no_data' || unit.status === 'fault'
  return (
    <section className={classes.now} data-tone={tone} aria-label="Now">
      <Reading celsius={unit.temperature} size="xl" stale={stale} />
      <div className={classes.facts}>
        <StatusBadge tone={tone}>{word}</StatusBadge>
        <span>
          <Age at={unit.recorded_at} none="no reading yet" />
          {unit.humidity !== null && ` · ${percent(unit.humidity)} RH`}
        </span>
      </div>
    </section>
  )
}

const SENSOR_STATUS: Record<Sensor['status'], { tone: Tone; word: string }> = {
  online: { tone: 'ok', word: 'Online' },
  offline: { tone: 'no-data', word: 'Offline' },
  fault: { tone: 'fault', word: 'Fault' },
  unclaimed: { tone: 'no-data', word: 'Unclaimed' },
  retired: { tone: 'no-data', word: 'Retired' },
}

function Sensors({ unit }: { unit: Unit }) {
  const { organization } = useMember()
  const sensors = useQuery(sensorsQuery(organization, unit.id))
  return (
    <Panel title="Sensors" flush>
      {sensors.isPending && <Loading rows={2} />}
      {sensors.error && !sensors.data && <Trouble error={sensors.error} retry={() => void sensors.refetch()} />}
      {sensors.data?.length === 0 && (
        <Empty icon={<IconThermometer />} title="No sensor yet">
          Claim a sensor for this unit, and its readings show here.
        </Empty>
      )}
      {sensors.data && sensors.data.length > 0 && (
        <ul className={classes.rows}>
          {sensors.data.map((sensor) => (
            <SensorRow key={sensor.id} sensor={sensor} />
          ))}
        </ul>
      )}
    </Panel>
  )
}

function SensorRow({ sensor }: { sensor: Sensor }) {
  const scale = useScale()
  const { tone, word } = SENSOR_STATUS[sensor.status]
  return (
    <li className={classes.sensor}>
      <div className={classes.line}>
        <span className={classes.name}>{sensor.name || sensor.serial}</span>
        <StatusBadge tone={tone} quiet>
          {word}
        </StatusBadge>
      </div>
      <div className={classes.line}>
        <span className={classes.small}>
          {sensor.serial}
          {sensor.channel !== '0' && ` / ${sensor.channel}`}
        </span>
        <span className={classes.strong}>{temperature(sensor.temperature, scale)}</span>
      </div>
      <div className={classes.small}>
        <Age at={sensor.last_reading_at} />
        {sensor.battery !== null && (
          <span className={classes.measure}>
            <IconBattery size={16} />
            <span className="visually-hidden">Battery</span> {percent(sensor.battery)}
          </span>
        )}
        {sensor.signal !== null && (
          <span className={classes.measure}>
            <IconSignal size={16} />
            <span className="visually-hidden">Signal</span> {String(sensor.signal).replace('-', '\u2212')} dBm
          </span>
        )}
      </div>
    </li>
  )
}
