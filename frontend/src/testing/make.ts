/** Valid objects for tests; each test names only what matters to it. */

import type { Alert, AlertEvent, AlertRule, Area, Me, Role, Sensor, Site, Unit } from '@/shared/api/types'

let made = 0
const id = (): string => `00000000-0000-7000-8000-${String(++made).padStart(12, '0')}`
export const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toISOString()

export const aMe = (role: Role = 'manager', ...others: string[]): Me => ({
  id: id(),
  email: 'chef@example.com',
  name: 'Casey Chef',
  memberships: [
    { org: { slug: 'demo', name: 'Harbour Foods' }, role },
    ...others.map((slug) => ({ org: { slug, name: `Organization ${slug}` }, role: 'viewer' as const })),
  ],
})

export const aSite = (fields: Partial<Site> = {}): Site => ({
  id: id(),
  name: 'Harbour Street Kitchen',
  timezone: 'Europe/Berlin',
  kind: 'restaurant',
  address: '',
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
  source: '',
  created_at: ago(86_400),
  ...fields,
})

export const anAlert = (unit: Unit, fields: Partial<Alert> = {}): Alert => ({
  id: id(),
  unit: unit.id,
  unit_name: unit.name,
  site: unit.site,
  site_name: 'Harbour Street Kitchen',
  sensor: null,
  rule: null,
  rule_name: 'Too warm',
  kind: 'temperature',
  condition: 'above',
  severity: 'critical',
  status: 'open',
  started_at: ago(2400),
  opened_at: ago(600),
  found_at: null,
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
  note: '',
  ...fields,
})
