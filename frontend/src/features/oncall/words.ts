/** Duties in words. */

import { moment } from '@/shared/units'
import type { Shift } from './queries'

/** "Anna", "Nobody", "Ben, who left". */
export function whoWords({ name, user, left }: Pick<Shift, 'name' | 'user' | 'left'>): string {
  if (!user) return 'Nobody'
  return left ? `${name}, who left` : name
}

/** Whether an alert would reach nobody then. */
export const isGap = ({ user, left }: Pick<Shift, 'user' | 'left'>): boolean => !user || left

/** "22 Nov, 08:00 – 29 Nov, 08:00" by the schedule's clock. */
export const spanWords = (from: string, to: string, zone: string | undefined): string =>
  `${moment(from, zone)} – ${moment(to, zone)}`

const SOURCES: Record<Shift['source'], string> = {
  layer: '',
  holiday: 'holiday',
  override: 'instead of the rotation',
  gap: '',
}

/** Why this person: the layer's or holiday's name, or that it is an exception. */
export const sourceWords = ({ source, label }: Pick<Shift, 'source' | 'label'>): string =>
  [label, SOURCES[source]].filter(Boolean).join(' · ')
