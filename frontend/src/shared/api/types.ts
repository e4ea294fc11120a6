/** Short names for the objects of the generated schema. */

import type { components } from './schema'

type Schemas = components['schemas']

export type Me = Schemas['Me']
export type Membership = Me['memberships'][number]
export type Role = Membership['role']
/** One line of the permission table, docs/permissions.md. */
export type Action = Membership['permissions'][number]
export type Organization = Schemas['Organization']
export type Person = Schemas['Person']
/** Somebody's place in the organization that is on the screen; a Membership is one's own. */
export type Colleague = Schemas['Member']
export type Invitation = Schemas['Invitation']
/** An invitation as the invited person sees it. */
export type Offer = Schemas['Offer']
export type ApiKey = Schemas['ApiKey']
/** A key with its secret: only the answer that makes it has that. */
export type NewApiKey = Schemas['NewApiKey']
export type AuditEvent = Schemas['AuditEvent']
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
export type AlertRuleBody = Schemas['AlertRuleRequest']
export type Metric = AlertRule['metric']
export type Condition = AlertRule['condition']
export type RuleOverride = Schemas['Override']
/** What bounds a unit; its rules with whether they watch it. */
export type UnitRules = Schemas['UnitRules']
export type UnitRule = UnitRules['rules'][number]
export type LegalLimit = UnitRules['legal'][number]
export type RulePreview = Schemas['Preview']
export type PreviewIncident = RulePreview['incidents'][number]
export type HappenedAlert = RulePreview['happened'][number]
/** Why one rule did, or didn't, have an alert open at a moment. */
export type RuleReason = Schemas['Explanation']
export type Mute = Schemas['Mute']
export type UnitLabel = Schemas['Label']
export type ProductTemperature = Schemas['Product']
export type Readings = Schemas['Series']
export type Statistics = Schemas['Statistics']
export type RefusedReading = Schemas['QuarantinedReading']
export type QuarantineSummary = Schemas['QuarantineSummary']
/** What happened, for the signed-in person to read. */
export type InboxItem = Schemas['InboxItem']
/** A message to one address: what was promised, and what became of it. */
export type Delivery = Schemas['Notification']
export type DeliveryStatus = Schemas['NotificationStatusEnum']
export type DeliveryAttempt = Schemas['Attempt']
export type Channel = Schemas['ContactKindEnum']
export type ChannelHealth = Schemas['ChannelHealth']
/** What became of asking for several messages once more. */
export type Resent = Schemas['Resent']
