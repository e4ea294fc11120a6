import { NativeSelect, SegmentedControl, Select, Switch, TextInput } from '@mantine/core'
import { useId } from 'react'
import { useMember } from '@/shared/member'
import { fieldError } from '@/shared/ui/Dialog'
import { KIND_NAMES, kindName } from '@/shared/units'
import type { Draft, Wrong } from './draft'
import { MinutesField } from './MinutesField'
import classes from './Policy.module.css'
import type { Hours } from './queries'
import { StepsField } from './StepsField'
import { HOURS, type People, type Places, SCOPE_KINDS, SCOPES, type ScopeKind } from './words'

interface Props {
  draft: Draft
  onDraft: (change: Partial<Draft>) => void
  places: Places
  people: People
  /** What is missing; shown once somebody has tried to save. */
  wrong: Wrong
  /** What the server said, and the keys of the steps in the order in which it got them. */
  error: Error | null
  sent: number[]
}

/** The fields of a policy, from when it holds to whom it calls. */
export function PolicyForm({ draft, onDraft, places, people, wrong, error, sent }: Props) {
  const severityLabel = useId()
  const refused = fieldError(error, 'severity')
  return (
    <>
      <TextInput
        label="Name"
        description="As messages and timelines call it."
        placeholder="Nights"
        value={draft.name}
        onChange={(event) => onDraft({ name: event.currentTarget.value })}
        error={wrong.name ?? fieldError(error, 'name')}
        maxLength={120}
        autoComplete="off"
      />
      <ScopeFields {...{ draft, onDraft, places }} error={wrong.scope ?? fieldError(error, 'scope')} />
      <div>
        <span id={severityLabel} className={classes.label}>
          For alerts that are
        </span>
        <SegmentedControl
          fullWidth
          aria-labelledby={severityLabel}
          value={draft.severity || 'any'}
          onChange={(value) => onDraft({ severity: value === 'any' ? '' : (value as Draft['severity']) })}
          data={[
            { value: 'warning', label: 'Warning' },
            { value: 'critical', label: 'Critical' },
            { value: 'any', label: 'Both' },
          ]}
        />
        {refused && <p className={classes.missing}>{refused}</p>}
      </div>
      <NativeSelect
        label="And open"
        description="Opening hours are those of the site."
        size="md"
        value={draft.hours}
        onChange={(event) => onDraft({ hours: event.currentTarget.value as Hours })}
        data={Object.entries(HOURS).map(([value, label]) => ({ value, label }))}
        error={fieldError(error, 'hours')}
      />
      <StepsField
        steps={draft.steps}
        onSteps={(steps) => onDraft({ steps })}
        wrong={wrong.steps}
        {...{ people, error, sent }}
      />
      <MinutesField
        label="Again from the first step after"
        description="As long as nobody acknowledges, snoozes or resolves."
        seconds={draft.repeat_s}
        onSeconds={(repeat_s) => onDraft({ repeat_s })}
        error={wrong.repeat_s ?? fieldError(error, 'repeat_s')}
        min={1}
      />
      <Switch
        label="Switched on"
        checked={draft.enabled}
        onChange={(event) => onDraft({ enabled: event.currentTarget.checked })}
        error={fieldError(error, 'enabled')}
      />
    </>
  )
}

interface ScopeProps {
  draft: Draft
  onDraft: (change: Partial<Draft>) => void
  places: Places
  error: string | undefined
}

function ScopeFields({ draft, onDraft, places, error }: ScopeProps) {
  const member = useMember()
  // Who is restricted to some sites makes policies for these only.
  const kinds = SCOPE_KINDS.filter((kind) => !member.sites || kind === 'site' || kind === 'unit')
  return (
    <div className={classes.pair}>
      <NativeSelect
        label="Where"
        size="md"
        value={draft.scopeKind}
        onChange={(event) => onDraft({ scopeKind: event.currentTarget.value as ScopeKind, scopeOf: '' })}
        data={kinds.map((value) => ({ value, label: SCOPES[value] }))}
        error={draft.scopeKind === 'organization' && error}
      />
      {draft.scopeKind !== 'organization' && (
        <Select
          label="Which"
          size="md"
          placeholder="Choose"
          value={draft.scopeOf || null}
          onChange={(value) => onDraft({ scopeOf: value ?? '' })}
          data={optionsOf(draft.scopeKind, places)}
          error={error}
          searchable
          limit={100}
          allowDeselect={false}
          nothingFoundMessage="Nothing of that name"
          checkIconPosition="right"
        />
      )}
    </div>
  )
}

function optionsOf(kind: ScopeKind, { sites, units }: Places) {
  const siteName = (id: string) => sites.find((site) => site.id === id)?.name ?? ''
  if (kind === 'unit_kind') return KIND_NAMES.map((value) => ({ value, label: kindName(value) }))
  if (kind === 'site') return sites.map(({ id, name }) => ({ value: id, label: name }))
  return units.map(({ id, name, site }) => ({ value: id, label: `${name} (${siteName(site)})` }))
}
