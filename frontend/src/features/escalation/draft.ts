/** A policy while somebody writes it. Pure functions. */

import type { Policy, PolicyBody, Scope, Step, Target } from './queries'
import { type ScopeKind, scopeKind } from './words'

export interface DraftStep {
  /** Its own through every move, so that fields and focus go with it. */
  key: number
  /** null: nothing usable is written. */
  wait_s: number | null
  targets: Target[]
  urgent: boolean
}

export interface Draft {
  name: string
  scopeKind: ScopeKind
  /** The id, or the kind of unit; '' while none is chosen. */
  scopeOf: string
  severity: Policy['severity']
  hours: Policy['hours']
  steps: DraftStep[]
  /** null: nothing usable is written. */
  repeat_s: number | null
  enabled: boolean
}

export const MOST_STEPS = 20
export const MOST_TARGETS = 20
const DAY_S = 86_400
const QUARTER_S = 900

/** A new one calls managers, and everybody after a quarter of an hour: as an organization starts with. */
export function newDraft(scope: Pick<Draft, 'scopeKind' | 'scopeOf'>): Draft {
  return {
    name: '',
    ...scope,
    severity: 'critical',
    hours: 'always',
    steps: [
      { key: 0, wait_s: 0, targets: [{ role: 'manager' }], urgent: true },
      { key: 1, wait_s: QUARTER_S, targets: [{ role: 'staff' }], urgent: true },
    ],
    repeat_s: 1800,
    enabled: true,
  }
}

export function draftOf(policy: Policy): Draft {
  const { name, scope, severity, hours, steps, repeat_s, enabled } = policy
  const kind = scopeKind(scope)
  return {
    name,
    scopeKind: kind,
    scopeOf: kind === 'organization' ? '' : (scope[kind] ?? ''),
    severity,
    hours,
    steps: steps.map(({ wait_s, targets, urgent }, key) => ({ key, wait_s, targets, urgent })),
    repeat_s,
    enabled,
  }
}

export const scopeOfDraft = (draft: Pick<Draft, 'scopeKind' | 'scopeOf'>): Scope =>
  draft.scopeKind === 'organization' ? {} : ({ [draft.scopeKind]: draft.scopeOf } as Scope)

/** Its steps as the backend wants them, to be kept or tried. */
export const planOf = ({ steps, repeat_s }: Draft): { steps: Step[]; repeat_s: number } => ({
  steps: steps.map(({ wait_s, targets, urgent }) => ({ wait_s: wait_s ?? 0, targets, urgent })),
  repeat_s: repeat_s ?? 1800,
})

export function bodyOf(draft: Draft): PolicyBody {
  const { name, severity, hours, enabled } = draft
  return { name: name.trim(), scope: scopeOfDraft(draft), severity, hours, ...planOf(draft), enabled }
}

/** Only what was changed is sent. */
export function differing(before: Draft, after: Draft): Partial<PolicyBody> {
  const [one, other] = [bodyOf(before), bodyOf(after)]
  const names = Object.keys(other) as (keyof PolicyBody)[]
  const changed = names.filter((name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]))
  return Object.fromEntries(changed.map((name) => [name, other[name]]))
}

export interface WrongStep {
  wait_s?: string
  targets?: string
}

export interface Wrong {
  name?: string
  scope?: string
  repeat_s?: string
  /** By the key of the step. */
  steps: Record<number, WrongStep>
}

/** What is missing before it can be tried (name and place aside) or saved, by field. */
export function wrongWith(draft: Draft): Wrong {
  const wrong: Wrong = { steps: {} }
  if (draft.name.trim() === '') wrong.name = 'Give it a name: messages and timelines use it.'
  if (draft.scopeKind !== 'organization' && draft.scopeOf === '') wrong.scope = 'Choose where it holds.'
  if (draft.repeat_s === null || draft.repeat_s < 60 || draft.repeat_s > DAY_S)
    wrong.repeat_s = 'From 1 to 1440 minutes.'
  for (const { key, wait_s, targets } of draft.steps) {
    const of: WrongStep = {}
    if (wait_s === null || wait_s < 0 || wait_s > DAY_S) of.wait_s = 'From 0 to 1440 minutes.'
    if (targets.length === 0) of.targets = 'Choose who is told.'
    if (Object.keys(of).length > 0) wrong.steps[key] = of
  }
  return wrong
}

export const canBeTried = ({ repeat_s, steps }: Wrong): boolean => !repeat_s && Object.keys(steps).length === 0
export const canBeSaved = (wrong: Wrong): boolean => canBeTried(wrong) && !wrong.name && !wrong.scope

/** One more at the end. */
export function withStep(steps: DraftStep[]): DraftStep[] {
  const key = Math.max(-1, ...steps.map((step) => step.key)) + 1
  return [...steps, { key, wait_s: QUARTER_S, targets: [], urgent: steps.at(-1)?.urgent ?? true }]
}

/** Without one; whichever is first then tells at the time at which the first did. */
export function withoutStep(steps: DraftStep[], place: number): DraftStep[] {
  const rest = steps.filter((_, each) => each !== place)
  return place === 0 ? rest.map((step, each) => (each === 0 ? { ...step, wait_s: steps[0]?.wait_s ?? 0 } : step)) : rest
}

/** People change places; the times between the steps stay where they are. */
export function swapped(steps: DraftStep[], place: number, other: number): DraftStep[] {
  const [one, two] = [steps[place], steps[other]]
  if (!one || !two) return steps
  return steps.map((step, each) => {
    if (each === place) return { ...two, wait_s: one.wait_s }
    return each === other ? { ...one, wait_s: two.wait_s } : step
  })
}
