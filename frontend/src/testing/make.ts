/** Valid objects for tests; each test names only what matters to it. */

import type {
  Alert,
  AlertEvent,
  AlertRule,
  ApiKey,
  Area,
  AuditEvent,
  Colleague,
  Invitation,
  Me,
  Membership,
  Mute,
  Offer,
  Organization,
  Person,
  Role,
  RuleOverride,
  Sensor,
  Site,
  Unit,
} from '@/shared/api/types'
import { permissionsOf } from './permissions'

let made = 0
const id = (): string => `00000000-0000-7000-8000-${String(++made).padStart(12, '0')}`
export const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toISOString()

/** A place in an organization, with what the backend's own table allows there. */
export const aMembership = (
  slug = 'demo',
  role: Role = 'manager',
  { name = `Organization ${slug}`, sites = null }: { name?: string; sites?: string[] | null } = {},
): Membership => ({ org: { slug, name }, role, sites, permissions: permissionsOf(role, sites !== null) })

export const aMe = (role: Role = 'manager', ...others: string[]): Me => ({
  id: id(),
  email: 'chef@example.com',
  name: 'Casey Chef',
  time_zone: 'Europe/Berlin',
  language: 'en',
  temperature_unit: 'c',
  memberships: [
    aMembership('demo', role, { name: 'Harbour Foods' }),
    ...others.map((slug) => aMembership(slug, 'viewer')),
  ],
})

export const aSite = (fields: Partial<Site> = {}): Site => ({
  id: id(),
  name: 'Harbour Street Kitchen',
  timezone: 'Europe/Berlin',
  kind: 'restaurant',
  address: '',
  opening_hours: {},
  jurisdiction: 'us_food_code',
  created_at: ago(86_400),
  deleted_at: null,
  ...fields,
})

export const anArea = (site: Site, name = 'Kitchen'): Area => ({
  id: id(),
  site: site.id,
  name,
  created_at: ago(86_400),
  deleted_at: null,
})

export const aUnit = (area: Area, fields: Partial<Unit> = {}): Unit => ({
  id: id(),
  area: area.id,
  site: area.site,
  name: 'Counter fridge',
  kind: 'reach_in_fridge',
  note: '',
  default_rules: true,
  product_tau_s: null,
  status: 'ok',
  temperature: 3.4,
  humidity: null,
  recorded_at: ago(5),
  created_at: ago(86_400),
  deleted_at: null,
  ...fields,
})

export const aSensor = (unit: Unit, fields: Partial<Sensor> = {}): Sensor => ({
  id: id(),
  serial: 'A84041000000005E',
  channel: '0',
  name: 'Air probe',
  unit: unit.id,
  site: unit.site,
  gateway: null,
  model: 'LHT65',
  expected_interval_s: 60,
  status: 'online',
  last_reading_at: unit.recorded_at,
  temperature: unit.temperature,
  humidity: null,
  battery: 93,
  signal: -71,
  door_open: null,
  created_at: ago(86_400),
  retired_at: null,
  ...fields,
})

export const aRule = (fields: Partial<AlertRule> = {}): AlertRule => ({
  id: id(),
  name: 'Too warm',
  metric: 'temperature',
  condition: 'above',
  threshold: 5,
  severity: 'warning',
  delay_s: 1800,
  hysteresis: 1,
  clear_delay_s: 0,
  enabled: true,
  is_default: true,
  scope: {},
  schedule: 'always',
  is_ceiling: false,
  changed_at: ago(86_400),
  source: '',
  created_at: ago(86_400),
  ...fields,
})

export const anOverride = (fields: Partial<RuleOverride> = {}): RuleOverride => ({
  id: id(),
  rule: id(),
  unit: id(),
  threshold: 7,
  delay_s: null,
  reason: 'The door seal is on order.',
  owner: null,
  owner_name: '',
  created_at: ago(3600),
  expires_at: ago(-86_400),
  ended_at: null,
  ended_by: null,
  ...fields,
})

export const aMute = (fields: Partial<Mute> = {}): Mute => ({
  id: id(),
  kind: 'mute',
  site: null,
  unit: null,
  rule: null,
  reason: 'Cleaning',
  starts_at: ago(600),
  ends_at: ago(-1800),
  created_by: null,
  created_at: ago(600),
  active: true,
  silenced: 0,
  ...fields,
})

export const anAlert = (unit: Unit, fields: Partial<Alert> = {}): Alert => ({
  id: id(),
  unit: unit.id,
  unit_name: unit.name,
  site: unit.site,
  site_name: 'Harbour Street Kitchen',
  sensor: null,
  gateway: null,
  parent: null,
  rule: null,
  rule_name: 'Too warm',
  kind: 'temperature',
  condition: 'above',
  severity: 'critical',
  status: 'open',
  started_at: ago(2400),
  opened_at: ago(600),
  found_at: null,
  contradicted_at: null,
  snoozed_until: null,
  muted_by: null,
  assigned_to: null,
  assigned_to_name: '',
  facts: {},
  escalation: null,
  acknowledged_at: null,
  acknowledged_by: null,
  resolved_by: null,
  resolved_at: null,
  value: 8.4,
  threshold: 8,
  peak: 9.1,
  corrective_action: '',
  cause: '',
  disposition: '',
  amount: '',
  ...fields,
})

export const anEvent = (fields: Partial<AlertEvent> = {}): AlertEvent => ({
  id: id(),
  event: 'opened',
  at: ago(600),
  by: null,
  by_name: '',
  channel: 'readings',
  note: '',
  ...fields,
})

export const aPerson = (name = 'Mara Manager', email = `${name.split(' ')[0]?.toLowerCase()}@example.com`): Person => ({
  id: id(),
  email,
  name,
})

export const anOrganization = (fields: Partial<Organization> = {}): Organization => ({
  id: id(),
  slug: 'demo',
  name: 'Harbour Foods',
  timezone: 'Europe/Berlin',
  email: 'invoices@example.com',
  acknowledgement_minutes: 240,
  role: 'owner',
  sites: null,
  permissions: permissionsOf('owner'),
  created_at: ago(86_400),
  deleted_at: null,
  purge_at: null,
  ...fields,
})

export const aColleague = (name: string, role: Role, fields: Partial<Colleague> = {}): Colleague => ({
  id: id(),
  user: aPerson(name),
  role,
  sites: null,
  created_at: ago(86_400),
  is_you: false,
  ...fields,
})

export const anInvitation = (fields: Partial<Invitation> = {}): Invitation => ({
  id: id(),
  email: 'new@example.com',
  role: 'staff',
  sites: null,
  state: 'pending',
  invited_by: aPerson(),
  created_at: ago(3600),
  expires_at: ago(-6.5 * 86_400),
  accepted_at: null,
  ...fields,
})

export const anOffer = (organization: string, fields: Partial<Offer> = {}): Offer => {
  const { sites, accepted_at, ...offer } = anInvitation()
  return { ...offer, organization: { name: organization }, ...fields }
}

export const aKey = (name: string, fields: Partial<ApiKey> = {}): ApiKey => ({
  id: id(),
  name,
  prefix: 'ftk_h7Xk',
  scopes: ['ingest'],
  created_by: aPerson(),
  created_at: ago(86_400),
  expires_at: null,
  last_used_at: ago(30),
  revoked_at: null,
  ...fields,
})

export const anAuditEvent = (fields: Partial<AuditEvent> = {}): AuditEvent => ({
  id: id(),
  at: ago(60),
  actor: aPerson(),
  via: 'api',
  address: '192.0.2.1',
  request_id: 'req-7',
  entity: 'alert_rule',
  object_id: id(),
  site: null,
  action: 'update',
  changes: { threshold: { before: 5, after: 6 } },
  ...fields,
})
