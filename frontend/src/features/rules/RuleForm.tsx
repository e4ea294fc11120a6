import { NativeSelect, SegmentedControl, Select, Switch, TextInput } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useId } from 'react'
import type { Severity } from '@/shared/api/types'
import {
  distanceFromField,
  distanceInField,
  fieldUnit,
  hasThreshold,
  isDegrees,
  thresholdFromField,
  thresholdInField,
} from '@/shared/measures'
import { useMember } from '@/shared/member'
import { useScale } from '@/shared/preferences'
import { fieldError } from '@/shared/ui/Dialog'
import { KIND_NAMES, kindName } from '@/shared/units'
import { AmountField } from './AmountField'
import { DurationField } from './DurationField'
import { type Draft, type Wrong, watching, watchKey, watchOptions } from './draft'
import classes from './Rules.module.css'
import { type Places, SCOPE_KINDS, SCOPES, type ScopeKind } from './words'

interface Props {
  draft: Draft
  onDraft: (change: Partial<Draft>) => void
  places: Places
  /** What is missing; shown once somebody has tried to save. */
  wrong: Wrong
  /** What the server said. */
  error: Error | null
  /** Fields keep what is half written; another rule starts anew. */
  formKey: string
}

/** The fields of a rule, in the words of the contract and the reader's scale. */
export function RuleForm({ draft, onDraft, places, wrong, error, formKey }: Props) {
  const { organization } = useMember()
  const scale = useScale()
  const severityLabel = useId()
  const measured = { metric: draft.metric, condition: draft.condition }
  const key = `${formKey} ${watchKey(draft)} ${scale}`
  const unit = fieldUnit(measured, scale)
  return (
    <>
      <TextInput
        label="Name"
        description="As alerts and messages call it."
        placeholder="Too warm"
        value={draft.name}
        onChange={(event) => onDraft({ name: event.currentTarget.value })}
        error={fieldError(error, 'name')}
        maxLength={120}
        autoComplete="off"
      />
      <NativeSelect
        label="Alert when"
        size="md"
        value={watchKey(draft)}
        onChange={(event) => onDraft(watching(draft, event.currentTarget.value))}
        error={fieldError(error, 'condition') ?? fieldError(error, 'metric')}
        data={watchOptions(draft)}
      />
      <div className={classes.pair}>
        {hasThreshold(draft.condition) && (
          <AmountField
            key={`threshold ${key}`}
            label="Limit"
            unit={unit}
            shown={draft.threshold === null ? null : thresholdInField(measured, draft.threshold, scale)}
            onChange={(shown) =>
              onDraft({
                threshold: shown === null ? null : thresholdFromField(measured, shown, scale, draft.threshold),
              })
            }
            error={wrong.threshold ?? fieldError(error, 'threshold')}
            step={isDegrees(draft) ? 0.5 : 1}
          />
        )}
        <DurationField
          key={`delay ${formKey} ${draft.condition}`}
          label="For at least"
          seconds={draft.delay_s}
          onSeconds={(delay_s) => onDraft({ delay_s })}
          error={wrong.delay_s ?? fieldError(error, 'delay_s')}
        />
      </div>
      <p className={classes.quiet}>0: at the first reading. Time without readings doesn't count.</p>
      <div>
        <span id={severityLabel} className={classes.label}>
          Severity
        </span>
        <SegmentedControl
          fullWidth
          aria-labelledby={severityLabel}
          value={draft.severity}
          onChange={(severity) => onDraft({ severity: severity as Severity })}
          data={[
            { value: 'info', label: 'Info' },
            { value: 'warning', label: 'Warning' },
            { value: 'critical', label: 'Critical' },
          ]}
        />
      </div>
      <ScopeFields {...{ draft, onDraft, places }} error={wrong.scope ?? fieldError(error, 'scope')} />
      <details className={classes.more}>
        <summary>Clearing, schedule and more</summary>
        <div className={classes.fields}>
          {hasThreshold(draft.condition) && (
            <AmountField
              key={`hysteresis ${key}`}
              label="Clears this far inside the limit"
              description="So that a value that swings around the limit isn't many alerts."
              unit={isDegrees(draft) ? `°${scale}` : draft.metric === 'signal' ? 'dB' : '%'}
              shown={distanceInField(measured, draft.hysteresis, scale)}
              onChange={(shown) =>
                onDraft({ hysteresis: Math.max(0, distanceFromField(measured, shown ?? 0, scale, draft.hysteresis)) })
              }
              error={fieldError(error, 'hysteresis')}
              min={0}
              step={0.5}
            />
          )}
          <DurationField
            key={`clear ${formKey}`}
            label="And stays there for"
            seconds={draft.clear_delay_s}
            onSeconds={(clear_delay_s) => onDraft({ clear_delay_s })}
            error={fieldError(error, 'clear_delay_s')}
          />
          <NativeSelect
            label="It watches"
            description={
              <>
                Opening hours are those of each{' '}
                <Link to="/o/$org/sites" params={{ org: organization }} className={classes.crumb}>
                  site
                </Link>
                ; a site without any counts as always open.
              </>
            }
            size="md"
            value={draft.schedule}
            onChange={(event) => onDraft({ schedule: event.currentTarget.value as Draft['schedule'] })}
            data={[
              { value: 'always', label: 'Always' },
              { value: 'opening_hours', label: 'In opening hours only' },
            ]}
            error={fieldError(error, 'schedule')}
          />
        </div>
      </details>
      <Switch
        label="Switched on"
        checked={draft.enabled}
        onChange={(event) => onDraft({ enabled: event.currentTarget.checked })}
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
  // Who is restricted to some sites makes rules for these only.
  const kinds = SCOPE_KINDS.filter(
    (kind) => !member.sites || !['organization', 'unit_kind'].includes(kind) || kind === draft.scopeKind,
  )
  const options = optionsOf(draft.scopeKind, places)
  return (
    <div className={`${classes.pair} ${classes.wide}`}>
      <NativeSelect
        label="Where"
        size="md"
        value={draft.scopeKind}
        onChange={(event) => onDraft({ scopeKind: event.currentTarget.value as ScopeKind, scopeOf: '' })}
        data={kinds.map((value) => ({ value, label: SCOPES[value].words }))}
      />
      {draft.scopeKind !== 'organization' && (
        <Select
          label="Which"
          size="md"
          placeholder="Choose"
          value={draft.scopeOf || null}
          onChange={(value) => onDraft({ scopeOf: value ?? '' })}
          data={options}
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

function optionsOf(kind: ScopeKind, { sites, areas, units }: Places) {
  const siteName = (id: string) => sites.find((site) => site.id === id)?.name ?? ''
  if (kind === 'unit_kind') return KIND_NAMES.map((value) => ({ value, label: kindName(value) }))
  if (kind === 'site') return sites.map(({ id, name }) => ({ value: id, label: name }))
  if (kind === 'area') return areas.map(({ id, name, site }) => ({ value: id, label: `${name} (${siteName(site)})` }))
  return units.map(({ id, name, site }) => ({ value: id, label: `${name} (${siteName(site)})` }))
}
