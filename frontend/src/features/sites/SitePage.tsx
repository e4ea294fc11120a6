import { Button, NativeSelect, SegmentedControl } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useId, useState } from 'react'
import type { Site } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { useNow } from '@/shared/now'
import { sitesQuery } from '@/shared/sites'
import { besides, fieldError, Refusal, Words } from '@/shared/ui/Dialog'
import { Notice } from '@/shared/ui/Notice'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { toast } from '@/shared/ui/toast'
import { moment } from '@/shared/units'
import { type Day, isNeverOpen, linesOf, refusalOf, storedOf, usualWeek, type Week, weekOf, wrongWith } from './hours'
import { JURISDICTIONS, type Jurisdiction, jurisdictionOf } from './laws'
import { changeSite, type SiteChange } from './queries'
import classes from './Sites.module.css'
import { WeekField } from './WeekField'

/** One place: when it is open, and whose law applies there. */
export function SitePage({ site }: { site: Site }) {
  const member = useMember()
  const changes = may(member, 'places.change')
  return (
    <Page
      title={site.name}
      above={
        <Link to="/o/$org/sites" params={{ org: member.organization }} className={classes.crumb}>
          Sites
        </Link>
      }
      below={site.address}
    >
      <div className={classes.columns}>
        <Panel title="Opening hours">
          {changes ? <HoursForm key={JSON.stringify(site.opening_hours)} site={site} /> : <Hours site={site} />}
        </Panel>
        <Panel title="Whose law applies">
          {changes ? <LawForm site={site} /> : <p className={classes.says}>{JURISDICTIONS[jurisdictionOf(site)]}</p>}
        </Panel>
      </div>
    </Page>
  )
}

const MINUTE = 60_000

/** Hours are those of the site's own clock: it is shown, so that nobody wonders. */
function Clock({ zone }: { zone: string }) {
  const now = useNow((ms) => Math.floor(ms / MINUTE) * MINUTE)
  return (
    <>
      By the site's own clock: it is {moment(now, zone)} there now ({zone.replaceAll('_', ' ')}).
    </>
  )
}

function Hours({ site }: { site: Site }) {
  return (
    <>
      <dl className={classes.hours}>
        {linesOf(site.opening_hours).map(({ days, hours }) => (
          <div key={days}>
            <dt>{days}</dt>
            <dd>{hours}</dd>
          </div>
        ))}
      </dl>
      <p className={classes.quiet}>
        <Clock zone={site.timezone} /> Your role can look. A manager can change it.
      </p>
    </>
  )
}

/** Sends a change, puts what the server made of it where it is on the screen, and says so. */
function useSaving(site: Site, said: string) {
  const { organization } = useMember()
  const client = useQueryClient()
  return useMutation({
    mutationFn: (change: SiteChange) => changeSite(organization, site.id, change),
    onSuccess: (saved) => {
      client.setQueryData(sitesQuery(organization).queryKey, (known) =>
        known?.map((each) => (each.id === saved.id ? saved : each)),
      )
      toast({ tone: 'ok', title: said, seconds: 4 })
      // What the law says of a unit, and which rules watch it now, follow from it.
      return client.invalidateQueries({ queryKey: ['unit-rules', organization] })
    },
  })
}

/** (What somebody else saves meanwhile is another key above: the form starts anew with it.) */
function HoursForm({ site }: { site: Site }) {
  const before = weekOf(site.opening_hours)
  const [isAlways, setAlways] = useState(before === null)
  const [week, setWeek] = useState<Week>(before ?? usualWeek)
  const [tried, setTried] = useState(false)
  const saving = useSaving(site, 'Opening hours saved')
  const label = useId()
  const chosen = isAlways ? null : week
  const wrong = wrongWith(week)
  const isWrong = !isAlways && Object.keys(wrong).length > 0
  const isSame = JSON.stringify(storedOf(chosen)) === JSON.stringify(storedOf(before))
  const refused = fieldError(saving.error, 'opening_hours')
  const ofDay = refused === undefined ? null : refusalOf(refused)
  const said: Partial<Record<Day, string>> = {
    ...(ofDay && { [ofDay.day]: ofDay.detail }),
    ...(tried && wrong),
  }
  return (
    <form
      noValidate
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault()
        setTried(true)
        if (!isWrong && !saving.isPending) saving.mutate({ opening_hours: storedOf(chosen) })
      }}
    >
      <Words>
        Some rules watch in opening hours only: an open door at night is another matter than one at noon.{' '}
        <Clock zone={site.timezone} />
      </Words>
      <div>
        <span id={label} className={classes.label}>
          Open
        </span>
        <SegmentedControl
          fullWidth
          aria-labelledby={label}
          value={isAlways ? 'always' : 'week'}
          onChange={(value) => setAlways(value === 'always')}
          data={[
            { value: 'always', label: 'Always' },
            { value: 'week', label: 'By the week' },
          ]}
        />
      </div>
      {!isAlways && (
        <WeekField
          week={week}
          onWeek={(changed) => {
            setWeek(changed)
            saving.reset()
          }}
          wrong={said}
        />
      )}
      {!isAlways && isNeverOpen(week) && (
        <Notice tone="warning" title="Closed all week">
          Rules that watch in opening hours only would never watch here.
        </Notice>
      )}
      {refused !== undefined && !ofDay && (
        <p role="alert" className={classes.error}>
          {refused}
        </p>
      )}
      <Refusal error={besides(saving.error, 'opening_hours')} />
      <Button type="submit" loading={saving.isPending} disabled={isSame}>
        Save hours
      </Button>
    </form>
  )
}

function LawForm({ site }: { site: Site }) {
  const before = jurisdictionOf(site)
  const [chosen, setChosen] = useState<Jurisdiction | null>(null)
  const saving = useSaving(site, 'Saved: other legal limits apply')
  const law = chosen ?? before
  return (
    <form
      noValidate
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault()
        if (law !== before && !saving.isPending)
          saving.mutate({ jurisdiction: law }, { onSuccess: () => setChosen(null) })
      }}
    >
      <NativeSelect
        label="Legal limits of"
        description="Each unit shows what this law says of it, with the source. No change for a single unit goes beyond it."
        size="md"
        value={law}
        onChange={(event) => setChosen(event.currentTarget.value as Jurisdiction)}
        data={Object.entries(JURISDICTIONS).map(([value, label]) => ({ value, label }))}
        error={fieldError(saving.error, 'jurisdiction')}
      />
      <Words>
        Where it says nothing of a kind of unit, the guidance of CDC and USP for medicines is shown. Rules stay as they
        are: what is beyond the law now is marked on the unit's page.
      </Words>
      <Refusal error={besides(saving.error, 'jurisdiction')} />
      <Button type="submit" loading={saving.isPending} disabled={law === before}>
        Save
      </Button>
    </form>
  )
}
