/** Who is looking, at which organization, and what their role allows. Given by the app, read by every feature. */

import { createContext, useContext } from 'react'
import type { Role } from './api/types'

export interface Member {
  organization: string
  organizationName: string
  role: Role
}

/** The least role for what the screens offer; the backend's own table judges in the end. */
const LEAST = {
  'alerts.acknowledge': 'staff',
  'alerts.resolve': 'staff',
} as const satisfies Record<string, Role>

const RANK: Record<Role, number> = { owner: 4, admin: 3, manager: 2, staff: 1, viewer: 0 }

export function may(role: Role, what: keyof typeof LEAST): boolean {
  return RANK[role] >= RANK[LEAST[what]]
}

export const MemberContext = createContext<Member | null>(null)

export function useMember(): Member {
  const member = useContext(MemberContext)
  if (!member) throw new Error('useMember needs an organization around it')
  return member
}
