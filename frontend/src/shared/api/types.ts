/** Short names for the objects of the generated schema. */

import type { components } from './schema'

type Schemas = components['schemas']

export type Me = Schemas['Me']
export type Membership = Me['memberships'][number]
export type Role = Membership['role']
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
