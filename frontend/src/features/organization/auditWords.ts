/** A row of the change log in words: "changed threshold of rule Too warm from 5 to 6". */

import type { AuditEvent, Role } from '@/shared/api/types'
import { moment } from '@/shared/units'
import { ROLES } from './roles'

/** The name of an object by its id, if the screen knows it. */
export type NameOf = (id: string) => string | undefined

/** What the log is about, as people say it. */
export const ENTITIES: Record<string, string> = {
  organization: 'organization',
  membership: 'member',
  invitation: 'invitation',
  api_key: 'API key',
  security_event: 'security event',
  site: 'site',
  area: 'area',
  unit: 'unit',
  gateway: 'gateway',
  sensor: 'sensor',
  alert_rule: 'rule',
  escalation_policy: 'escalation policy',
  on_call_schedule: 'on-call schedule',
  on_call_override: 'duty by hand',
  shift_swap: 'swap of shifts',
  alert: 'alert',
  alert_event: 'alert timeline',
  notification: 'message',
}

const VIA: Record<string, string> = {
  api: 'the app or the API',
  app: 'the app',
  session: 'the app',
  token: 'a personal access token',
  oidc: 'an external identity',
  socket: 'the live connection',
  admin: 'FreshTrack’s staff',
  ingest: 'readings',
  shell: 'the server',
  seeding: 'the demonstration',
  founding: 'signing up',
}

export const viaWords = (via: string): string => VIA[via] ?? via

const FIELDS: Record<string, string> = {
  threshold: 'threshold',
  delay_s: 'delay (s)',
  clear_delay_s: 'recovery delay (s)',
  expected_interval_s: 'expected interval (s)',
  timezone: 'time zone',
  slug: 'address',
  email: 'e-mail',
  user: 'person',
}

export const fieldWords = (field: string): string => FIELDS[field] ?? field.replaceAll('_', ' ')

export const changesOf = (event: AuditEvent) => Object.entries(event.changes)

/** Names that the rows themselves tell: of what is gone by now, and of who acted. */
export function namesIn(events: AuditEvent[]): Map<string, string> {
  const names = new Map<string, string>()
  for (const { actor, object_id, changes } of events) {
    if (actor) names.set(actor.id, actor.name || actor.email)
    const name = changes.name?.after ?? changes.name?.before ?? changes.email?.after ?? changes.email?.before
    if (typeof name === 'string' && name && !names.has(object_id)) names.set(object_id, name)
  }
  for (const { entity, object_id, changes } of events) {
    const person = entity === 'membership' && names.get(String(changes.user?.after ?? changes.user?.before))
    if (person) names.set(object_id, person)
  }
  return names
}

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d/
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-/
const isRole = (value: string): value is Role => Object.hasOwn(ROLES, value)

/** A value as a person reads it. */
export function valueWords(field: string, value: unknown, nameOf: NameOf): string {
  if (value === null || value === undefined || value === '') return field === 'sites' ? 'all sites' : 'nothing'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.map((each) => valueWords('', each, nameOf)).join(', ') || 'nothing'
  if (typeof value === 'object') return JSON.stringify(value)
  const text = String(value)
  if (field === 'role' && isRole(text)) return ROLES[text].word.toLowerCase()
  if (MOMENT.test(text)) return moment(text)
  if (ID.test(text)) return nameOf(text) ?? shortId(text)
  return text
}

/** Enough of an id to tell it from its neighbours. */
export const shortId = (id: string): string => (id.length > 12 ? `…${id.slice(-8)}` : id)

/** What it happened to, with its name: "rule Too warm", "invitation of sam@example.com". */
export function subject(event: AuditEvent, nameOf: NameOf): string {
  const said = (field: string): string | undefined => {
    const value = event.changes[field]?.after ?? event.changes[field]?.before
    return typeof value === 'string' && value ? value : undefined
  }
  const kind = ENTITIES[event.entity] ?? event.entity.replaceAll('_', ' ')
  const person = said('user')
  const name =
    nameOf(event.object_id) ??
    (event.entity === 'membership' && person ? nameOf(person) : undefined) ??
    said('name') ??
    said('email') ??
    said('serial') ??
    nameOf(said('unit') ?? '') ??
    said('to')
  if (event.entity === 'organization') return name ? `the organization ${name}` : 'the organization'
  return `${kind} ${name ?? shortId(event.object_id)}`
}

/** Columns whose setting is an act of its own; emptied again, it is taken back. */
const ACTS: [field: string, done: string, undone: string][] = [
  ['deleted_at', 'deleted', 'restored'],
  ['revoked_at', 'revoked', 'brought back'],
  ['accepted_at', 'accepted', 'reopened'],
  ['retired_at', 'retired', 'brought back'],
  ['ended_at', 'removed', 'brought back'],
  ['resolved_at', 'resolved', 'reopened'],
  ['acknowledged_at', 'took charge of', 'gave back'],
]

const CREATED: Record<string, string> = {
  invitation: 'sent',
  alert: 'opened',
  api_key: 'created',
  organization: 'created',
  notification: 'wrote',
  alert_event: 'added to',
}

/** What was tried and refused, or done to an account; the detail stands behind it. */
const SECURITY: Record<string, string> = {
  audit_exported: 'exported the audit trail',
  readings_exported: 'exported readings',
  refused_readings_exported: 'exported refused readings',
  reading_resubmitted: 'sent a refused reading in again',
  readings_resubmitted: 'sent refused readings in again',
  reading_discarded: 'discarded a refused reading',
  readings_discarded: 'discarded refused readings',
  invitation_expired: 'tried an expired invitation',
  invitation_reused: 'tried a used invitation again',
  invitation_revoked_used: 'tried a revoked invitation',
  invitation_of_another_address: "tried somebody else's invitation",
}

/** What was done, without who: "changed threshold of rule Too warm from 5 to 6". */
export function deed(event: AuditEvent, nameOf: NameOf): string {
  const what = subject(event, nameOf)
  if (event.entity === 'security_event' && event.action === 'create') {
    const { kind, detail } = event.changes
    const act = SECURITY[String(kind?.after)] ?? String(kind?.after ?? 'security event').replaceAll('_', ' ')
    return detail?.after ? `${act}: ${detail.after}` : act
  }
  if (event.action === 'create') return `${CREATED[event.entity] ?? 'added'} ${what}`
  if (event.action === 'delete') return `deleted ${what}`
  const changes = changesOf(event)
  for (const [field, done, undone] of ACTS) {
    const change = changes.find(([name]) => name === field)?.[1]
    if (change) return `${change.after ? done : undone} ${what}`
  }
  const [only] = changes
  if (changes.length === 1 && only) {
    const [field, { before, after }] = only
    const from = valueWords(field, before, nameOf)
    return `changed ${fieldWords(field)} of ${what} from ${from} to ${valueWords(field, after, nameOf)}`
  }
  const names = changes.map(([field]) => fieldWords(field))
  const last = names.pop()
  return `changed ${names.length > 0 ? `${names.join(', ')} and ` : ''}${last ?? 'something'} of ${what}`
}

/** Who did it: a person, or what acted by itself. */
export function doer(event: AuditEvent): string {
  if (event.actor) return event.actor.name || event.actor.email
  return event.via === 'admin' ? 'FreshTrack’s staff' : 'FreshTrack'
}

/** "via the app, from 192.0.2.1". */
export function origin(event: AuditEvent): string {
  return [`via ${viaWords(event.via)}`, event.address && `from ${event.address}`].filter(Boolean).join(', ')
}
