/** Who is looking, at which organization, and what they may do there. Given by the app, read by every feature. */

import { createContext, useContext } from 'react'
import type { Action, Role } from './api/types'

export interface Member {
  organization: string
  organizationName: string
  role: Role
  /** The sites the member is restricted to; null: all of them. */
  sites: readonly string[] | null
  /** What the server says this member may do: the only thing that menus and buttons follow. */
  permissions: readonly Action[]
}

/** Whether to offer something. The server judges again in the end. */
export function may(member: Member, action: Action): boolean {
  return member.permissions.includes(action)
}

export const MemberContext = createContext<Member | null>(null)

export function useMember(): Member {
  const member = useContext(MemberContext)
  if (!member) throw new Error('useMember needs an organization around it')
  return member
}
