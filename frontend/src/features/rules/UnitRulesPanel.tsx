import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { LegalLimit, RuleOverride, Unit, UnitRule } from '@/shared/api/types'
import { amountOf, sentenceIn } from '@/shared/measures'
import { may, useMember } from '@/shared/member'
import { useNow } from '@/shared/now'
import { useScale } from '@/shared/preferences'
import { unitRulesQuery } from '@/shared/rules'
import { useZone } from '@/shared/sites'
import { Refusal } from '@/shared/ui/Dialog'
import { Panel } from '@/shared/ui/Panel'
import { StatusBadge, StatusMark } from '@/shared/ui/StatusBadge'
import { Loading, Trouble } from '@/shared/ui/states'
import { SEVERITY } from '@/shared/ui/status'
import { toast } from '@/shared/ui/toast'
import { dayOf, duration, moment, temperature } from '@/shared/units'
import { OverrideDialog } from './OverrideDialog'
import { ProductPace } from './ProductPace'
import { endOverride } from './queries'
import { ReasonsDialog } from './Reasons'
import classes from './UnitRules.module.css'
import { legalWords, ruleWords } from './words'

/** What bounds a unit: the law, the rules in force, what was changed for it alone, and why the others don't watch. */
export function UnitRulesPanel({ unit }: { unit: Unit }) {
  const member = useMember()
  const asked = useQuery(unitRulesQuery(member.organization, unit.id))
  const [asking, setAsking] = useState(false)
  const { data } = asked
  const inForce = [...(data?.rules ?? [])].filter((rule) => rule.in_force).sort(byWeight)
  const others = data?.rules.filter((rule) => !rule.in_force) ?? []
  return (
    <Panel title="Rules here" flush>
      {asked.isPending && <Loading rows={4} />}
      {asked.error && !data && <Trouble error={asked.error} retry={() => void asked.refetch()} />}
      {data && (
        <>
          {data.drift.map((sentence) => (
            <Drift key={sentence} sentence={sentence} />
          ))}
          {inForce.length === 0 && <p className={classes.none}>No rule watches this unit: nothing is told.</p>}
          <ul className={classes.rows} aria-label="In force">
            {inForce.map((rule) => (
              <Rule key={rule.id} rule={rule} unit={unit} legal={data.legal} />
            ))}
          </ul>
          {others.length > 0 && <Others rules={others} />}
          <Legal legal={data.legal} band={data.operating_band} site={unit.site} />
          <ProductPace unit={unit} usual={data.kind_tau_s} />
          <div className={classes.foot}>
            <Button variant="default" size="compact-sm" onClick={() => setAsking(true)}>
              Why is there (no) alert?
            </Button>
            {may(member, 'rules.change') && (
              <Link
                to="/o/$org/rules/new"
                params={{ org: member.organization }}
                search={{ unit: unit.id }}
                className={classes.link}
              >
                New rule for this unit
              </Link>
            )}
          </div>
        </>
      )}
      {asking && <ReasonsDialog unit={unit} onClose={() => setAsking(false)} />}
    </Panel>
  )
}

const RANK = { critical: 0, warning: 1, info: 2 }
const CONDITIONS = ['above', 'below', 'rate_above', 'door_open_for', 'no_data', 'fault']

/** The gravest first, and what is measured before what is missing. */
function byWeight(one: UnitRule, other: UnitRule): number {
  const measured = ({ condition }: UnitRule) => CONDITIONS.indexOf(condition)
  return RANK[one.severity] - RANK[other.severity] || measured(one) - measured(other)
}

function Drift({ sentence }: { sentence: string }) {
  const scale = useScale()
  return (
    <p className={classes.drift} data-tone="warning">
      <StatusMark tone="warning" />
      <span>{sentenceIn(sentence, scale)}</span>
    </p>
  )
}

interface RuleProps {
  rule: UnitRule
  unit: Unit
  legal: LegalLimit[]
}

function Rule({ rule, unit, legal }: RuleProps) {
  const member = useMember()
  const scale = useScale()
  const [opened, setOpened] = useState(false)
  const { tone, word } = SEVERITY[rule.severity]
  const override = rule.override?.ended_at ? null : rule.override
  const now = {
    ...rule,
    threshold: override?.threshold ?? rule.threshold,
    delay_s: override?.delay_s ?? rule.delay_s,
  }
  return (
    <li className={classes.rule}>
      <div className={classes.line}>
        <Link to="/o/$org/rules/$rule" params={{ org: member.organization, rule: rule.id }} className={classes.name}>
          {ruleWords(now, scale)}
        </Link>
        <StatusBadge tone={tone} quiet>
          {word}
        </StatusBadge>
      </div>
      <p className={classes.small}>
        {capital(rule.reason.replace(/^In force: /, ''))}{' '}
        {!override && may(member, 'rules.change') && !rule.is_ceiling && (
          <button
            type="button"
            className={classes.change}
            aria-label={`Change here: ${ruleWords(rule, scale)}`}
            onClick={() => setOpened(true)}
          >
            Change here…
          </button>
        )}
      </p>
      {override && <Changed rule={rule} unit={unit} override={override} />}
      {opened && <OverrideDialog {...{ rule, unit, legal }} onClose={() => setOpened(false)} />}
    </li>
  )
}

const capital = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1)

interface ChangedProps {
  rule: UnitRule
  unit: Unit
  override: RuleOverride
}

/** What was changed, why, and how long that still holds. It reverts by itself. */
function Changed({ rule, unit, override }: ChangedProps) {
  const member = useMember()
  const client = useQueryClient()
  const scale = useScale()
  const zone = useZone(unit.site)
  const left = useNow((now) => duration(Math.max(0, Date.parse(override.expires_at) - now)))
  const ending = useMutation({
    mutationFn: () => endOverride(member.organization, override.id),
    onSuccess: () => {
      toast({ tone: 'ok', title: 'The rule holds again as it is', seconds: 4 })
      return client.invalidateQueries({ queryKey: ['unit-rules', member.organization] })
    },
  })
  const instead = [
    override.threshold !== null && amountOf(rule, rule.threshold ?? null, scale),
    override.delay_s !== null && duration((rule.delay_s ?? 0) * 1000),
  ].filter(Boolean)
  return (
    <div className={classes.override}>
      <p>
        <strong>Changed for this unit</strong> (else {instead.join(', ')}): {override.reason}
      </p>
      <p className={classes.small}>
        Until {moment(override.expires_at, zone)}, {left} left.
        {override.owner_name && ` By ${override.owner_name}.`}
      </p>
      {may(member, 'rules.change') && (
        <Button variant="default" size="compact-sm" loading={ending.isPending} onClick={() => ending.mutate()}>
          End it now
        </Button>
      )}
      <Refusal error={ending.error} />
    </div>
  )
}

function Others({ rules }: { rules: UnitRule[] }) {
  const { organization } = useMember()
  const scale = useScale()
  return (
    <details className={classes.others}>
      <summary>
        {rules.length === 1 ? '1 rule that isn’t in force' : `${rules.length} rules that aren’t in force`}
      </summary>
      <ul className={classes.rows}>
        {rules.map((rule) => (
          <li key={rule.id} className={classes.rule}>
            <Link to="/o/$org/rules/$rule" params={{ org: organization, rule: rule.id }} className={classes.name}>
              {ruleWords(rule, scale)}
            </Link>
            <p className={classes.small}>
              {SEVERITY[rule.severity].word}. {rule.reason}
            </p>
          </li>
        ))}
      </ul>
    </details>
  )
}

interface LegalProps {
  legal: LegalLimit[]
  band: readonly number[] | null
  site: string
}

function Legal({ legal, band, site }: LegalProps) {
  const { organization } = useMember()
  const scale = useScale()
  if (legal.length === 0 && !band) return null
  return (
    <section className={classes.legal} aria-label="Legal limits">
      {legal.length > 0 && <h3>What the law says</h3>}
      <ul className={classes.laws}>
        {legal.map((limit) => (
          <li key={`${limit.citation} ${limit.condition}`}>
            <span className={classes.name}>{legalWords(limit, scale)}</span>
            <span className={classes.small}>
              {limit.url ? (
                <a href={limit.url} target="_blank" rel="noreferrer">
                  {limit.citation}
                </a>
              ) : (
                limit.citation
              )}
              {limit.valid_from && ` · since ${dayOf(limit.valid_from)}`}
              {limit.valid_to && ` · until ${dayOf(limit.valid_to)}`}
              {limit.status === 'unverified' && ' · check it before you rely on it'}
            </span>
          </li>
        ))}
      </ul>
      {band && (
        <p className={classes.small}>
          Best kept between {temperature(band[0], scale)} and {temperature(band[1], scale)}.
        </p>
      )}
      <p className={classes.small}>
        <Link to="/o/$org/sites/$site" params={{ org: organization, site }} className={classes.link}>
          Whose law applies here
        </Link>
      </p>
    </section>
  )
}
