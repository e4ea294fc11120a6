import { Button, NativeSelect, SegmentedControl, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type { Membership } from '@/shared/api/types'
import { Panel } from '@/shared/ui/Panel'
import { Loading, Trouble } from '@/shared/ui/states'
import { moment } from '@/shared/units'
import { chosen, digestsOf, type HowOften, howOften, isOn, nextOf, sameDigests, withTimes } from './drafts'
import { LetterDialog } from './LetterDialog'
import { OwnZone } from './OwnZone'
import { type DigestBody, type Digests, digestsQuery, type Period, saveDigests } from './queries'
import { SaveBar } from './SaveBar'
import classes from './Telling.module.css'
import { WEEKDAYS } from './words'

/** What sums up a day or a week of an organization, by e-mail. */
export function DigestsPanel({ memberships }: { memberships: readonly Membership[] }) {
  const digests = useQuery(digestsQuery)
  return (
    <Panel title="Digests">
      {digests.isPending && <Loading rows={4} />}
      {digests.error && !digests.data && <Trouble error={digests.error} retry={() => void digests.refetch()} />}
      {digests.data && memberships.length === 0 && (
        <p className={classes.words}>You aren't a member of an organization yet.</p>
      )}
      {digests.data && memberships.length > 0 && <Form digests={digests.data} memberships={memberships} />}
    </Panel>
  )
}

interface Preview {
  organization: string
  name: string
  period: Period
}

function Form({ digests, memberships }: { digests: Digests; memberships: readonly Membership[] }) {
  const client = useQueryClient()
  const [edited, setEdited] = useState<DigestBody[] | null>(null)
  const [savedAt, setSavedAt] = useState<number | null>(null)
  const [seeing, setSeeing] = useState<Preview | null>(null)
  const saved = digestsOf(digests)
  const draft = edited ?? saved
  const changed = !sameDigests(draft, saved)
  const zone = digests.time_zone
  const timeless = draft.some((each) => each.at === '')
  const saving = useMutation({
    mutationFn: (sent: DigestBody[]) => saveDigests(sent),
    onSuccess: (answer, sent) => {
      client.setQueryData(digestsQuery.queryKey, answer)
      setEdited((now) => (now === sent ? null : now))
      setSavedAt(Date.now())
    },
  })
  return (
    <div className={classes.form}>
      <p className={classes.words}>Temperatures, alerts and what needs doing at your sites, summed up by e-mail.</p>
      <ul className={classes.digests}>
        {memberships.map(({ org, permissions }) => (
          <One
            key={org.slug}
            org={org}
            draft={draft}
            next={changed ? undefined : nextOf(digests, org.slug)?.next_at}
            zone={zone}
            onChange={setEdited}
            onSee={
              permissions.includes('digests.preview')
                ? (period) => setSeeing({ organization: org.slug, name: org.name, period })
                : undefined
            }
          />
        ))}
      </ul>
      {draft.some(isOn) && <OwnZone zone={zone} />}
      <SaveBar
        changed={changed}
        pending={saving.isPending}
        error={saving.error}
        savedAt={savedAt}
        onSave={() => {
          if (!timeless) saving.mutate(draft)
        }}
        onUndo={() => {
          setEdited(null)
          saving.reset()
        }}
      />
      {seeing && <LetterDialog {...seeing} onClose={() => setSeeing(null)} />}
    </div>
  )
}

interface OneProps {
  org: Membership['org']
  draft: DigestBody[]
  /** When the next one comes, if that is known. */
  next: string | undefined
  zone: string
  onChange: (draft: DigestBody[]) => void
  onSee: ((period: Period) => void) | undefined
}

const OFTEN: { value: HowOften; label: string }[] = [
  { value: 'none', label: 'None' },
  { value: 'daily', label: 'Daily' },
  { value: 'weekly', label: 'Weekly' },
]

function One({ org, draft, next, zone, onChange, onSee }: OneProps) {
  const name = useId()
  const often = howOften(draft, org.slug)
  const on = draft.filter((each) => each.org === org.slug && isOn(each))
  return (
    <li className={classes.digest}>
      <div className={classes.facts}>
        <p className={classes.name} id={name}>
          {org.name}
        </p>
        {next && <p className={classes.about}>{`Next on ${moment(next, zone)}`}</p>}
      </div>
      <SegmentedControl
        aria-labelledby={name}
        value={often}
        onChange={(value) => onChange(chosen(draft, org.slug, value as HowOften))}
        data={often === 'both' ? [...OFTEN, { value: 'both', label: 'Both' }] : OFTEN}
      />
      {onSee && (
        <Button
          variant="default"
          aria-label={`Preview of ${org.name}`}
          onClick={() => onSee(often === 'weekly' ? 'weekly' : 'daily')}
        >
          Preview
        </Button>
      )}
      {on.map(({ period, at, weekday }) => (
        <div key={period} className={classes.pair}>
          {period === 'weekly' && (
            <NativeSelect
              size="md"
              label="Weekly on"
              aria-label={`${org.name}: weekly on`}
              value={String(weekday)}
              onChange={(event) =>
                onChange(withTimes(draft, org.slug, period, { weekday: Number(event.currentTarget.value) }))
              }
              data={WEEKDAYS.map((label, day) => ({ value: String(day), label }))}
            />
          )}
          <TextInput
            type="time"
            label={period === 'daily' ? 'Daily at' : 'At'}
            aria-label={`${org.name}: ${period} at`}
            value={at}
            onChange={(event) => onChange(withTimes(draft, org.slug, period, { at: event.currentTarget.value }))}
            error={at === '' && 'Enter a time.'}
          />
        </div>
      ))}
    </li>
  )
}
