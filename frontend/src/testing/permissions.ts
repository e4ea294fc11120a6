/** The backend's permission table, read from where it stands, so that tests can't drift from it. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Action, Role } from '@/shared/api/types'

const FILE = join(import.meta.dirname, '..', '..', '..', 'organizations', 'permissions.py')
const ROLES: Role[] = ['viewer', 'staff', 'manager', 'admin', 'owner']

interface Line {
  action: Action
  least: Role
  /** Concerns every site: not for members who are restricted to some. */
  whole: boolean
}

function read(): Line[] {
  const lines = readFileSync(FILE, 'utf8').matchAll(/^ {4}"([a-z_.]+)": Line\(\s*Role\.([A-Z]+),([\s\S]*?)\),$/gm)
  return [...lines].map(([, action = '', least = '', rest = '']) => ({
    action: action as Action,
    least: least.toLowerCase() as Role,
    whole: /whole=True/.test(rest),
  }))
}

export const TABLE = read()

/** What a member may do, as `GET /me/` would say. */
export function permissionsOf(role: Role, restricted = false): Action[] {
  const may = ({ least, whole }: Line) => ROLES.indexOf(role) >= ROLES.indexOf(least) && !(whole && restricted)
  return TABLE.filter(may)
    .map(({ action }) => action)
    .sort()
}
