import { Button, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { AlertRule } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { useScale } from '@/shared/preferences'
import { rulesQuery } from '@/shared/rules'
import { IconChevronRight, IconFilterOff, IconRules } from '@/shared/ui/icons'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { StatusBadge } from '@/shared/ui/StatusBadge'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { SEVERITY } from '@/shared/ui/status'
import { kindName } from '@/shared/units'
import classes from './Rules.module.css'
import { type Places, ruleWords, SCOPE_KINDS, SCOPES, scopeKind, scopeWords, unitsIn } from './words'

export interface RuleFilters {
  q?: string
}

interface Props {
  filters: RuleFilters
  onFilters: (filters: RuleFilters) => void
  places: Places
}

/** When alerts open: every rule, from those that hold everywhere to those of a single unit. */
export function RulesPage({ filters, onFilters, places }: Props) {
  const member = useMember()
  const rules = useQuery(rulesQuery(member.organization))
  const scale = useScale()
  const sought = (filters.q ?? '').trim().toLowerCase()
  const fits = (rule: AlertRule) =>
    `${rule.name} ${ruleWords(rule, scale)} ${scopeWords(rule.scope ?? {}, places)} ${rule.severity}`
      .toLowerCase()
      .includes(sought)
  const shown = (rules.data ?? []).filter(fits)
  return (
    <Page
      title="Rules"
      above={member.organizationName}
      below="When an alert opens. A narrower rule replaces a wider one of the same kind and severity; hard limits always hold."
      actions={
        may(member, 'rules.change') && (
          <Button
            renderRoot={(props) => <Link {...props} to="/o/$org/rules/new" params={{ org: member.organization }} />}
          >
            New rule
          </Button>
        )
      }
    >
      <search className={classes.search}>
        <TextInput
          aria-label="Find a rule"
          placeholder="Find a rule, a place or a limit"
          value={filters.q ?? ''}
          onChange={(event) => onFilters({ q: event.currentTarget.value || undefined })}
        />
      </search>
      {rules.isPending && (
        <Panel>
          <Loading rows={6} />
        </Panel>
      )}
      {rules.error && !rules.data && (
        <Panel>
          <Trouble error={rules.error} retry={() => void rules.refetch()} />
        </Panel>
      )}
      {rules.data && shown.length === 0 && (
        <Panel>
          <Empty
            icon={sought ? <IconFilterOff /> : <IconRules />}
            title={sought ? 'No rule matches' : 'There are no rules yet'}
          >
            {!sought && 'Without rules nothing is ever told.'}
          </Empty>
        </Panel>
      )}
      {SCOPE_KINDS.map((kind) => {
        const own = shown.filter((rule) => scopeKind(rule.scope ?? {}) === kind)
        if (own.length === 0) return null
        return (
          <Panel key={kind} title={SCOPES[kind].title} note={String(own.length)} flush>
            {kind === 'unit_kind' ? (
              <ByKind rules={own} places={places} opened={sought !== ''} />
            ) : (
              <Rules rules={own} places={places} />
            )}
          </Panel>
        )
      })}
    </Page>
  )
}

/** A hundred rules come with the kinds of units: they are opened kind by kind, those in use first. */
function ByKind({ rules, places, opened }: { rules: AlertRule[]; places: Places; opened: boolean }) {
  const kinds = [...new Set(rules.flatMap(({ scope }) => scope.unit_kind ?? []))]
    .map((kind) => ({ kind, units: unitsIn({ unit_kind: kind }, places.units).length }))
    .sort((a, b) => Number(b.units > 0) - Number(a.units > 0) || kindName(a.kind).localeCompare(kindName(b.kind)))
  return kinds.map(({ kind, units }) => {
    const own = rules.filter(({ scope }) => scope.unit_kind === kind)
    return (
      // (Another key where a search opens them: React wouldn't open what somebody has closed.)
      <details key={`${kind} ${opened}`} className={classes.kind} open={opened}>
        <summary>
          <span className={classes.kindName}>{kindName(kind)}</span>
          <span className={classes.small}>
            {own.length === 1 ? '1 rule' : `${own.length} rules`} ·{' '}
            {units === 0 ? 'no unit' : units === 1 ? '1 unit' : `${units} units`}
          </span>
        </summary>
        <Rules rules={own} places={places} />
      </details>
    )
  })
}

/** By place, and within one from the mildest to the most severe. */
function Rules({ rules, places }: { rules: AlertRule[]; places: Places }) {
  const { organization } = useMember()
  const scale = useScale()
  const rank = { info: 0, warning: 1, critical: 2 }
  const ordered = rules
    .map((rule) => ({ rule, where: scopeWords(rule.scope ?? {}, places) }))
    .sort((a, b) => a.where.localeCompare(b.where) || rank[a.rule.severity] - rank[b.rule.severity])
  return (
    <ul className={classes.list}>
      {ordered.map(({ rule, where }) => {
        const { tone, word } = SEVERITY[rule.severity]
        return (
          <li key={rule.id} className={classes.row} data-off={!rule.enabled || undefined}>
            <StatusBadge tone={tone} quiet={!rule.enabled}>
              {word}
            </StatusBadge>
            <div className={classes.what}>
              <Link to="/o/$org/rules/$rule" params={{ org: organization, rule: rule.id }} className={classes.link}>
                {ruleWords(rule, scale)}
              </Link>
              <span className={classes.small}>{[where, rule.name, ...tags(rule)].filter(Boolean).join(' · ')}</span>
            </div>
            <span className={classes.arrow}>
              <IconChevronRight size={18} />
            </span>
          </li>
        )
      })}
    </ul>
  )
}

function* tags(rule: AlertRule): Generator<string> {
  if (!rule.enabled) yield 'switched off'
  if (rule.is_ceiling) yield 'hard limit'
  if (rule.is_default) yield 'from the profile'
}
