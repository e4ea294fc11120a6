import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useMemo } from 'react'
import { InboxPage } from '@/features/inbox/InboxPage'
import { meQuery } from '@/features/session/queries'
import { useTitle } from '@/shared/ui/useTitle'

const route = getRouteApi('/signed-in/o/$org/inbox')

export function InboxRoute() {
  const filters = route.useSearch()
  const navigate = route.useNavigate()
  const me = useQuery(meQuery).data
  const names = useMemo(() => Object.fromEntries(me?.memberships.map(({ org }) => [org.slug, org.name]) ?? []), [me])
  useTitle('Inbox')
  return (
    <InboxPage
      filters={filters}
      onFilters={(search) => void navigate({ search, replace: true })}
      organizations={names}
    />
  )
}
