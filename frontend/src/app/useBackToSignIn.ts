import { useRouter } from '@tanstack/react-router'
import { useEffect } from 'react'

/** Leads to the sign-in page when a session ends under somebody's hands, and back here afterwards. */
export function useBackToSignIn(signedOut: boolean): void {
  const router = useRouter()
  useEffect(() => {
    if (signedOut) void router.invalidate()
  }, [signedOut, router])
}
