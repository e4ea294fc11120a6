/** Escalation in words: where a policy holds, what its steps do, whose turn it is. Pure functions. */

import type { Colleague, Role, Site, Unit } from '@/shared/api/types'
import { duration, kindName, NARROW_SPACE } from '@/shared/units'
import type { Hours, Policy, RehearsedPerson, RehearsedStep, Schedule, Scope, Step, Target } from './queries'

/** Where policies can hold: handed in by the app, since units belong to another feature. */
export interface Places {
  sites: Site[]
  units: Unit[]
}

/** Whom steps can name. */
export interface People {
  colleagues: Colleague[]
  schedules: Schedule[]
}

/** A role means that one and those above it. */
export const ROLE_TARGETS: Record<Role, { chip: string; short: string }> = {
  owner: { chip: 'Owners', short: 'owners' },
  admin: { chip: 'Administrators and owners', short: 'administrators' },
  manager: { chip: 'Managers and above', short: 'managers' },
  staff: { chip: 'Everybody from staff up', short: 'everybody' },
  viewer: { chip: 'Everybody, viewers too', short: 'everybody and viewers' },
}

export const nameOf = ({ user }: Colleague): string => user.name || user.email

/** Whom a target means, as it stands on a chip: "Managers and above", "Sam Rivera", "On duty: Nights". */
export function targetWords(target: Target, { colleagues, schedules }: People): string {
  if (target.role) return ROLE_TARGETS[target.role].chip
  if (target.schedule) {
    return `On duty: ${schedules.find(({ id }) => id === target.schedule)?.name ?? 'a schedule that is gone'}`
  }
  const colleague = colleagues.find(({ user }) => user.id === target.person)
  return colleague ? nameOf(colleague) : 'Somebody who left'
}

function shortTarget(target: Target, people: People): string {
  if (target.role) return ROLE_TARGETS[target.role].short
  const words = targetWords(target, people)
  return target.schedule ? words.replace('On duty:', 'on duty:') : words
}

/** "Sam", "Sam and Noor", "Sam, Noor and 3 more". */
export function listWords(names: readonly string[], most = 3): string {
  if (names.length <= 1) return names[0] ?? ''
  if (names.length > most) return `${names.slice(0, most - 1).join(', ')} and ${names.length - most + 1} more`
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

const lengthOf = (seconds: number): string => duration(seconds * 1000)

const MOST_STEPS = 4

/** "Managers at once → everybody after 15 min → again after 30 min" */
export function summaryWords(policy: Pick<Policy, 'steps' | 'repeat_s'>, people: People): string {
  const { steps, repeat_s } = policy
  const shown = steps.length > MOST_STEPS ? steps.slice(0, MOST_STEPS - 1) : steps
  const parts = shown.map((step, place) => stepWords(step, place, people))
  const left = steps.length - shown.length
  if (left > 0) parts.push(`${left} more steps`)
  parts.push(`again after ${lengthOf(repeat_s)}`)
  return capital(parts.join(' → '))
}

function stepWords({ targets, wait_s }: Step, place: number, people: People): string {
  const who = listWords(targets.map((target) => shortTarget(target, people)))
  if (wait_s > 0) return `${who} after ${lengthOf(wait_s)}`
  return place === 0 ? `${who} at once` : `${who} at the same time`
}

export const capital = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1)

export type ScopeKind = 'organization' | 'site' | 'unit_kind' | 'unit'

export const SCOPES: Record<ScopeKind, string> = {
  organization: 'Everywhere',
  site: 'One site',
  unit_kind: 'A kind of unit',
  unit: 'One unit',
}
export const SCOPE_KINDS = Object.keys(SCOPES) as ScopeKind[]

export function scopeKind({ site, unit, unit_kind }: Scope): ScopeKind {
  if (unit) return 'unit'
  if (unit_kind) return 'unit_kind'
  return site ? 'site' : 'organization'
}

/** Where it holds: "Everywhere", "Harbour Street", "Every walk-in cooler", "Counter fridge, Harbour Street". */
export function scopeWords(scope: Scope, { sites, units }: Places): string {
  const siteName = (id: string | undefined) => sites.find((each) => each.id === id)?.name
  if (scope.unit) {
    const unit = units.find(({ id }) => id === scope.unit)
    return unit ? [unit.name, siteName(unit.site)].filter(Boolean).join(', ') : 'A unit'
  }
  if (scope.unit_kind) return `Every ${kindName(scope.unit_kind).toLowerCase()}`
  return scope.site ? (siteName(scope.site) ?? 'A site') : 'Everywhere'
}

export const SEVERITIES: Record<Policy['severity'], string> = {
  '': 'Warnings and critical',
  warning: 'Warnings',
  critical: 'Critical alerts',
  info: 'Information', // the server refuses it: nobody is told of information
}

export const HOURS: Record<Hours, string> = {
  always: 'At any hour',
  open: 'In opening hours',
  closed: 'Outside opening hours',
}

const NARROWEST: ScopeKind[] = ['unit', 'unit_kind', 'site', 'organization']

/** As the server goes through them: of those that fit an alert, the first is the one that holds. */
export function inOrder(policies: readonly Policy[]): Policy[] {
  const rank = (policy: Policy): number[] => [
    Number(policy.is_default),
    NARROWEST.indexOf(scopeKind(policy.scope)),
    Number(policy.severity === ''),
    Number(policy.hours === 'always'),
    Date.parse(policy.created_at),
  ]
  return [...policies].sort((a, b) => {
    const other = rank(b)
    return rank(a).reduce((found, value, place) => found || value - (other[place] ?? 0), 0)
  })
}

/** How long until then, by the second: "42 s", "4 min 10 s", "1 h 20 min". */
export function countdown(ms: number): string {
  const left = Math.max(0, Math.ceil(ms / 1000))
  if (left < 60) return `${left}${NARROW_SPACE}s`
  if (left >= 3600) return duration(left * 1000)
  return `${Math.floor(left / 60)}${NARROW_SPACE}min ${left % 60}${NARROW_SPACE}s`
}

export interface Turn {
  /** "Olga Owner", "Managers". */
  who: string
  many: boolean
  /** When it is sent, where that is later than the turn: quiet hours. */
  held: string | null
}

const LATER = 60_000

/** Whether a message waits for the end of somebody's quiet hours. */
export const isLater = (at: string, turn: string): boolean => Date.parse(at) - Date.parse(turn) > LATER

export const isTold = ({ told }: RehearsedPerson): boolean => told
export const reaches = ({ people }: RehearsedStep): boolean => people.some(isTold)

/** Who is told first: steps that reach nobody are passed over, and if none reaches anybody managers are told. */
export function turnOf(steps: readonly RehearsedStep[]): Turn {
  const step = steps.find(reaches)
  if (!step) return { who: 'Managers', many: true, held: null }
  const people = step.people.filter(isTold)
  const sent = people.flatMap(({ channels }) => channels.map(({ at }) => at)).sort()
  const [first] = sent
  return {
    who: listWords(people.map(({ name }) => name)),
    many: people.length > 1,
    held: first && isLater(first, step.at) ? first : null,
  }
}

/** "Step 2 of 3", "Step 1 of 3, round 2"; of the first step of another round than the first one shown "Again …". */
export function stepTitle({ step, of, round }: RehearsedStep, first: number): string {
  if (of === 1) return round > 1 ? `Round ${round}` : 'The only step'
  if (round > first) return 'Again from step 1'
  const title = `Step ${step} of ${of}`
  return round > 1 ? `${title}, round ${round}` : title
}
