/** Roles in words. What each may do is the server's to say; a test holds these sentences against docs/permissions.md. */

import type { Action, Role } from '@/shared/api/types'

interface Words {
  word: string
  /** One sentence for who chooses. */
  sentence: string
  /** The actions of the permission table that the sentence is about: this role is the lowest that may. */
  about: Action[]
}

export const ROLES: Record<Role, Words> = {
  owner: {
    word: 'Owner',
    sentence: 'Everything, including other owners and deleting the organization.',
    about: ['owners.change', 'organization.delete', 'organization.transfer'],
  },
  admin: {
    word: 'Administrator',
    sentence: 'Looks after the organization: its settings, members, API keys and audit trail.',
    about: ['organization.change', 'members.change', 'keys.change', 'audit.view'],
  },
  manager: {
    word: 'Manager',
    sentence: 'Sets up sites, units, sensors and alert rules.',
    about: ['places.change', 'sensors.change', 'rules.change'],
  },
  staff: {
    word: 'Staff',
    sentence: 'Takes charge of alerts, resolves them and says what was done.',
    about: ['alerts.acknowledge', 'alerts.resolve', 'alerts.comment'],
  },
  viewer: {
    word: 'Viewer',
    sentence: 'Sees temperatures, alerts and members, and changes nothing.',
    about: ['readings.view', 'alerts.view', 'members.view'],
  },
}

/** Lowest first. */
export const ROLE_NAMES: Role[] = ['viewer', 'staff', 'manager', 'admin', 'owner']

/** Owners and administrators look after the whole organization. */
export const canBeRestricted = (role: Role): boolean => role !== 'owner' && role !== 'admin'
