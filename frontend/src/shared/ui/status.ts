/** The states a person must tell apart, each by colour, shape and word. */

import type { AlertStatus, Severity, UnitStatus } from '@/shared/api/types'

export type Tone = 'ok' | 'info' | 'warning' | 'critical' | 'no-data' | 'fault'

export const UNIT_STATUS: Record<UnitStatus, { tone: Tone; word: string }> = {
  critical: { tone: 'critical', word: 'Critical' },
  warning: { tone: 'warning', word: 'Warning' },
  fault: { tone: 'fault', word: 'Fault' },
  no_data: { tone: 'no-data', word: 'No data' },
  ok: { tone: 'ok', word: 'OK' },
}

/** Worst first: the order of counts and of problems. */
export const UNIT_STATUSES = Object.keys(UNIT_STATUS) as UnitStatus[]

export const SEVERITY: Record<Severity, { tone: Tone; word: string }> = {
  critical: { tone: 'critical', word: 'Critical' },
  warning: { tone: 'warning', word: 'Warning' },
  info: { tone: 'info', word: 'Info' },
}

export const ALERT_STATUS: Record<AlertStatus, string> = {
  open: 'Open',
  acknowledged: 'Acknowledged',
  resolved: 'Resolved',
}
