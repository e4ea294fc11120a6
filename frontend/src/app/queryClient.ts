import { QueryCache, QueryClient } from '@tanstack/react-query'
import { meQuery } from '@/features/session/queries'
import { Problem } from '@/shared/api/client'

/** Refusals are final; what never reached the server, broke there or came too fast is worth another try. */
function worthAnotherTry(failures: number, error: Error): boolean {
  if (failures >= 2) return false
  return !(error instanceof Problem) || error.status === 0 || error.status === 429 || error.status >= 500
}

/** As long as the server asks for, up to a minute; else one second, then two. */
function waitBefore(failures: number, error: Error): number {
  const asked = error instanceof Problem ? error.retryAfter : null
  return Math.min(asked ?? 2 ** failures, 60) * 1000
}

/** The one place that keeps what the server said. */
export function createQueryClient(): QueryClient {
  const client: QueryClient = new QueryClient({
    defaultOptions: { queries: { retry: worthAnotherTry, retryDelay: waitBefore, staleTime: 10_000 } },
    queryCache: new QueryCache({
      onError: (error) => {
        // The session has ended: the router leads to the sign-in page.
        if (error instanceof Problem && error.status === 401) client.setQueryData(meQuery.queryKey, null)
      },
    }),
  })
  return client
}
