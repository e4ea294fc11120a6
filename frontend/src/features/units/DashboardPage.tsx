import { Button, NativeSelect, Switch } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { memo } from 'react'
import type { Site, Unit, UnitStatus } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { sitesQuery } from '@/shared/sites'
import { Age } from '@/shared/ui/Age'
import { IconFilterOff, IconStore } from '@/shared/ui/icons'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { Reading } from '@/shared/ui/Reading'
import { StatusMark } from '@/shared/ui/StatusBadge'
import { Empty, Trouble } from '@/shared/ui/states'
import { UNIT_STATUS, UNIT_STATUSES } from '@/shared/ui/status'
import { Tile } from '@/shared/ui/Tile'
import { percent, unitKind } from '@/shared/units'
import classes from './DashboardPage.module.css'
import { DashboardSkeleton } from './DashboardSkeleton'
import { areasQuery, unitsQuery } from './queries'

export interface DashboardFilters {
  site?: string
  status?: UnitStatus
  problems?: boolean
}

interface Props {
  filters: DashboardFilters
  onFilters: (filters: DashboardFilters) => void
}

const isProblem = (unit: Unit): boolean => unit.status !== 'ok'

/** Every unit now, by site. */
export function DashboardPage({ filters, onFilters }: Props) {
  const { organization, organizationName } = useMember()
  const units = useQuery(unitsQuery(organization))
  const sites = useQuery(sitesQuery(organization))
  const areas = useQuery(areasQuery(organization)).data ?? []
  const error = units.data ? null : (units.error ?? sites.error)
  const areaNames = new Map(areas.map((area) => [area.id, area.name]))

  return (
    <Page title="Dashboard" above={organizationName}>
      {error && (
        <Panel>
          <Trouble error={error} retry={() => void Promise.all([units.refetch(), sites.refetch()])} />
        </Panel>
      )}
      {!error && (!units.data || !sites.data) && <DashboardSkeleton />}
      {units.data && sites.data && (
        <Units units={units.data} sites={sites.data} {...{ areaNames, filters, onFilters }} />
      )}
    </Page>
  )
}

interface UnitsProps extends Props {
  units: Unit[]
  sites: Site[]
  areaNames: Map<string, string>
}

function Units({ units, sites, areaNames, filters, onFilters }: UnitsProps) {
  if (units.length === 0) {
    return (
      <Panel>
        <Empty icon={<IconStore />} title="No units yet">
          A unit is one cooler, freezer, case or room. Once a unit and its sensor are set up, its temperature shows
          here.
        </Empty>
      </Panel>
    )
  }
  const here = filters.site ? units.filter((unit) => unit.site === filters.site) : units
  const shown = here
    .filter((unit) => !filters.problems || isProblem(unit))
    .filter((unit) => !filters.status || unit.status === filters.status)
  return (
    <>
      <Counts units={here} chosen={filters.status} onChoose={(status) => onFilters({ ...filters, status })} />
      <div className={classes.filters}>
        {sites.length > 1 && (
          <NativeSelect
            aria-label="Site"
            value={filters.site ?? ''}
            onChange={(event) => onFilters({ ...filters, site: event.currentTarget.value || undefined })}
            data={[{ value: '', label: 'All sites' }, ...sites.map(({ id, name }) => ({ value: id, label: name }))]}
          />
        )}
        <Switch
          label="Only problems"
          checked={filters.problems ?? false}
          onChange={(event) => onFilters({ ...filters, problems: event.currentTarget.checked || undefined })}
        />
      </div>
      {shown.length === 0 ? (
        <Panel>
          <Nothing filters={filters} clear={() => onFilters({ site: filters.site })} />
        </Panel>
      ) : (
        sites.map((site) => (
          <SiteUnits key={site.id} site={site} areaNames={areaNames} units={shown.filter((u) => u.site === site.id)} />
        ))
      )}
    </>
  )
}

function Nothing({ filters, clear }: { filters: DashboardFilters; clear: () => void }) {
  const onlyProblems = filters.problems && !filters.status
  return (
    <Empty
      icon={onlyProblems ? <StatusMark tone="ok" size={24} /> : <IconFilterOff />}
      title={onlyProblems ? 'No problems: every unit is within its limits' : 'No unit matches these filters'}
    >
      <Button variant="default" onClick={clear}>
        Show all units
      </Button>
    </Empty>
  )
}

interface CountsProps {
  units: Unit[]
  chosen: UnitStatus | undefined
  onChoose: (status: UnitStatus | undefined) => void
}

/** How many units are in which state; each count filters. */
function Counts({ units, chosen, onChoose }: CountsProps) {
  return (
    <fieldset className={classes.counts}>
      <legend className="visually-hidden">Units by status</legend>
      {UNIT_STATUSES.map((status) => {
        const { tone, word } = UNIT_STATUS[status]
        const count = units.filter((unit) => unit.status === status).length
        return (
          <button
            key={status}
            type="button"
            className={classes.count}
            data-tone={tone}
            data-none={count === 0 || undefined}
            aria-pressed={chosen === status}
            onClick={() => onChoose(chosen === status ? undefined : status)}
          >
            <span className={classes.number}>{count}</span>{' '}
            <span className={classes.word}>
              <StatusMark tone={tone} size={14} />
              {word}
            </span>
          </button>
        )
      })}
    </fieldset>
  )
}

function SiteUnits({ site, units, areaNames }: { site: Site; units: Unit[]; areaNames: Map<string, string> }) {
  if (units.length === 0) return null
  const problems = units.filter(isProblem).length
  const placed = units
    .map((unit) => ({ unit, area: areaNames.get(unit.area) ?? '' }))
    .sort((a, b) => a.area.localeCompare(b.area) || a.unit.name.localeCompare(b.unit.name))
  return (
    <section aria-labelledby={`site-${site.id}`}>
      <div className={classes.site}>
        <h2 id={`site-${site.id}`}>{site.name}</h2>
        <p>
          {units.length === 1 ? '1 unit' : `${units.length} units`}
          {problems > 0 && `, ${problems === 1 ? '1 problem' : `${problems} problems`}`}
        </p>
      </div>
      <ul className={classes.tiles}>
        {placed.map(({ unit, area }) => (
          <li key={unit.id}>
            <UnitTile unit={unit} area={area} />
          </li>
        ))}
      </ul>
    </section>
  )
}

const UnitTile = memo(function UnitTile({ unit, area }: { unit: Unit; area: string }) {
  const { organization } = useMember()
  const { tone, word } = UNIT_STATUS[unit.status]
  const stale = unit.status === 'no_data' || unit.status === 'fault'
  return (
    <Tile
      tone={tone}
      status={word}
      title={unit.name}
      subtitle={area ? `${unitKind(unit)} · ${area}` : unitKind(unit)}
      value={<Reading celsius={unit.temperature} size="lg" stale={stale} />}
      aside={unit.humidity !== null && `${percent(unit.humidity)} RH`}
      foot={<Age at={unit.recorded_at} none="no reading yet" />}
      link={(content, className) => (
        <Link to="/o/$org/units/$unit" params={{ org: organization, unit: unit.id }} className={className}>
          {content}
        </Link>
      )}
    />
  )
})
