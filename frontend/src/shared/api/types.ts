/** Short names for the objects of the generated schema. */

import type { components } from './schema'

type Schemas = components['schemas']

/** A member's role; the backend's description leaves the shape of memberships open. */
export type Role = 'owner' | 'admin' | 'manager' | 'staff' | 'viewer'
export type Membership = { org: Pick<Schemas['Organization'], 'slug' | 'name'>; role: Role }
export type Me = Omit<Schemas['Me'], 'memberships'> & { memberships: Membership[] }
export type Site = Schemas['Site']
export type Area = Schemas['Area']
export type Unit = Schemas['Unit']
export type UnitKind = Schemas['UnitKindEnum']
export type UnitStatus = Schemas['UnitStatusEnum']
export type Sensor = Schemas['Sensor']
export type Alert = Schemas['Alert']
export type AlertEvent = Schemas['AlertEvent']
export type AlertStatus = Schemas['AlertStatusEnum']
export type Severity = Schemas['SeverityEnum']
export type AlertRule = Schemas['AlertRule']
export type Readings = Schemas['Series']
