import { Checkbox, Switch, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Fragment, useState } from 'react'
import type { Membership } from '@/shared/api/types'
import { besides, fieldError } from '@/shared/ui/Dialog'
import { Notice } from '@/shared/ui/Notice'
import { Panel } from '@/shared/ui/Panel'
import { StatusBadge } from '@/shared/ui/StatusBadge'
import { Loading, Trouble } from '@/shared/ui/states'
import { SEVERITY } from '@/shared/ui/status'
import {
  bodyOf,
  channelsOf,
  draftOf,
  FIRST_QUIET,
  firstAway,
  type Mistakes,
  mistakesIn,
  SEVERITIES,
  sameWishes,
  ticked,
  type WishDraft,
} from './drafts'
import { OwnZone } from './OwnZone'
import { type Channel, saveWishes, type Wishes, wishesQuery } from './queries'
import { SaveBar } from './SaveBar'
import classes from './Telling.module.css'
import { CHANNELS } from './words'

/** By which channels the person hears of what, and when not. */
export function WishesPanel({ memberships }: { memberships: readonly Membership[] }) {
  const wishes = useQuery(wishesQuery)
  return (
    <Panel title="How you are told">
      {wishes.isPending && <Loading rows={6} />}
      {wishes.error && !wishes.data && <Trouble error={wishes.error} retry={() => void wishes.refetch()} />}
      {wishes.data && <Form wishes={wishes.data} memberships={memberships} />}
    </Panel>
  )
}

function Form({ wishes, memberships }: { wishes: Wishes; memberships: readonly Membership[] }) {
  const client = useQueryClient()
  const [edited, setEdited] = useState<WishDraft | null>(null)
  const [tried, setTried] = useState(false)
  const [savedAt, setSavedAt] = useState<number | null>(null)
  const saved = draftOf(wishes)
  const draft = edited ?? saved
  const zone = wishes.time_zone
  const mistakes = mistakesIn(draft, zone, Date.now())
  const saving = useMutation({
    mutationFn: (sent: WishDraft) => saveWishes(bodyOf(sent, zone)),
    onSuccess: (answer, sent) => {
      client.setQueryData(wishesQuery.queryKey, answer)
      // What was changed while it was on its way isn't saved.
      setEdited((now) => (now === sent ? null : now))
      setSavedAt(Date.now())
      setTried(false)
    },
  })
  const save = () => {
    setTried(true)
    if (!mistakes.quiet && !mistakes.away) saving.mutate(draft)
  }
  const shown: Mistakes = tried ? mistakes : {}
  return (
    <div className={classes.form}>
      {wishes.warnings.map((warning) => (
        <Notice key={warning} tone="warning" title={warning} />
      ))}
      <Table
        {...{ draft, memberships }}
        available={wishes.available}
        onTick={(org, severity, channel, wanted) => setEdited(ticked(draft, org, severity, channel, wanted))}
      />
      <Quiet {...{ draft, zone }} onChange={setEdited} error={shown.quiet ?? fieldError(saving.error, 'quiet_hours')} />
      <Away {...{ draft, zone }} onChange={setEdited} error={shown.away ?? fieldError(saving.error, 'away')} />
      <SaveBar
        changed={!sameWishes(draft, saved)}
        pending={saving.isPending}
        error={besides(saving.error, 'quiet_hours', 'away')}
        savedAt={savedAt}
        onSave={save}
        onUndo={() => {
          setEdited(null)
          setTried(false)
          saving.reset()
        }}
      />
    </div>
  )
}

interface TableProps {
  draft: WishDraft
  memberships: readonly Membership[]
  available: readonly Channel[]
  onTick: (org: string, severity: (typeof SEVERITIES)[number], channel: Channel, wanted: boolean) => void
}

/** One box for each organization, severity and channel. What is cleared is still seen in the app. */
function Table({ draft, memberships, available, onTick }: TableProps) {
  if (memberships.length === 0) return <p className={classes.words}>You aren't a member of an organization yet.</p>
  if (available.length === 0) {
    return <p className={classes.words}>This installation sends nothing. You see what happens in the app.</p>
  }
  return (
    <>
      <p className={classes.words}>
        Everything that concerns you is in the app. Tick by what else you are told; critical messages come at any hour.
      </p>
      <div className={classes.scroll}>
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">
                <span className="visually-hidden">How serious</span>
              </th>
              {available.map((channel) => (
                <th key={channel} scope="col" className={classes.tick}>
                  {CHANNELS[channel].word}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {memberships.map(({ org }) => (
              <Fragment key={org.slug}>
                <tr>
                  <th scope="rowgroup" colSpan={available.length + 1} className={classes.group}>
                    {org.name}
                  </th>
                </tr>
                {SEVERITIES.map((severity) => (
                  <tr key={severity}>
                    <th scope="row">
                      <StatusBadge tone={SEVERITY[severity].tone} quiet>
                        {SEVERITY[severity].word}
                      </StatusBadge>
                    </th>
                    {available.map((channel) => (
                      <td key={channel} className={classes.tick}>
                        <Checkbox
                          size="lg"
                          aria-label={`${org.name}, ${SEVERITY[severity].word}: ${CHANNELS[channel].word}`}
                          checked={channelsOf(draft, org.slug, severity).includes(channel)}
                          onChange={(event) => onTick(org.slug, severity, channel, event.currentTarget.checked)}
                        />
                      </td>
                    ))}
                  </tr>
                ))}
              </Fragment>
            ))}
          </tbody>
        </table>
      </div>
    </>
  )
}

interface TimesProps {
  draft: WishDraft
  zone: string
  onChange: (draft: WishDraft) => void
  error: string | undefined
}

function Quiet({ draft, zone, onChange, error }: TimesProps) {
  const { quiet } = draft
  return (
    <fieldset className={classes.times}>
      <legend className="visually-hidden">Quiet hours</legend>
      <Switch
        size="md"
        label="Quiet hours"
        description="What isn't critical waits until they are over, then comes in one message."
        checked={quiet !== null}
        onChange={(event) => onChange({ ...draft, quiet: event.currentTarget.checked ? FIRST_QUIET : null })}
      />
      {quiet && (
        <div className={classes.pair}>
          <TextInput
            type="time"
            label="Quiet from"
            value={quiet.from}
            onChange={(event) => onChange({ ...draft, quiet: { ...quiet, from: event.currentTarget.value } })}
          />
          <TextInput
            type="time"
            label="Quiet to"
            value={quiet.to}
            onChange={(event) => onChange({ ...draft, quiet: { ...quiet, to: event.currentTarget.value } })}
          />
        </div>
      )}
      {quiet && <OwnZone zone={zone} />}
      <Mistake words={error} />
    </fieldset>
  )
}

function Away({ draft, zone, onChange, error }: TimesProps) {
  const { away } = draft
  return (
    <fieldset className={classes.times}>
      <legend className="visually-hidden">Away</legend>
      <Switch
        size="md"
        label="Away"
        description="You are told in the app only, unless nobody else would hear of something critical."
        checked={away !== null}
        onChange={(event) =>
          onChange({ ...draft, away: event.currentTarget.checked ? firstAway(Date.now(), zone) : null })
        }
      />
      {away && (
        <div className={classes.pair} data-wide>
          <TextInput
            type="datetime-local"
            label="Away from"
            value={away.from}
            onChange={(event) => onChange({ ...draft, away: { ...away, from: event.currentTarget.value } })}
          />
          <TextInput
            type="datetime-local"
            label="Away until"
            value={away.until}
            onChange={(event) => onChange({ ...draft, away: { ...away, until: event.currentTarget.value } })}
          />
        </div>
      )}
      {away && <OwnZone zone={zone} />}
      <Mistake words={error} />
    </fieldset>
  )
}

function Mistake({ words }: { words: string | undefined }) {
  return words ? (
    <p role="alert" className={classes.mistake}>
      {words}
    </p>
  ) : null
}
