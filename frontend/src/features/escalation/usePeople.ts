import { useQuery } from '@tanstack/react-query'
import type { Colleague } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { schedulesQuery } from './queries'
import type { People } from './words'

/** Whom steps can name: colleagues from the app, schedules from the server. */
export function usePeople(colleagues: Colleague[]): People {
  const member = useMember()
  const known = useQuery({ ...schedulesQuery(member.organization), enabled: may(member, 'oncall.view') })
  return { colleagues, schedules: known.data ?? [] }
}
