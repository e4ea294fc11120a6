import { useQueryClient } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import { meQuery } from '@/features/session/queries'
import { ScaleContext, scaleOf } from '@/shared/preferences'

/** Whoever chose °F on one device reads it on all of them, from the first page on. */
export function OwnScale({ children }: { children: React.ReactNode }) {
  const client = useQueryClient()
  // Only watched, without an observer: one that leaves would cancel what the routes have asked.
  const scale = useSyncExternalStore(
    (listener) => client.getQueryCache().subscribe(listener),
    () => scaleOf(client.getQueryData(meQuery.queryKey)),
  )
  return <ScaleContext.Provider value={scale}>{children}</ScaleContext.Provider>
}
