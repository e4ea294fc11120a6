/** How one person reads temperatures: as their account says. Kept on the device, too, so that no page shows another first. */

import { useEffect, useSyncExternalStore } from 'react'
import type { Me } from './api/types'

export type Scale = 'C' | 'F'

const KEY = 'freshtrack.scale'
const listeners = new Set<() => void>()

function read(): Scale {
  try {
    return localStorage.getItem(KEY) === 'F' ? 'F' : 'C'
  } catch {
    return 'C' // storage is switched off
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  window.addEventListener('storage', listener)
  return () => {
    listeners.delete(listener)
    window.removeEventListener('storage', listener)
  }
}

/** Celsius or Fahrenheit, as this person reads temperatures. */
export function useScale(): Scale {
  return useSyncExternalStore(subscribe, read)
}

export function setScale(scale: Scale): void {
  try {
    localStorage.setItem(KEY, scale)
  } catch {
    // Without storage the choice can't be kept.
  }
  for (const listener of listeners) listener()
}

/** Follows the account: whoever chose °F on one device reads it on all of them. */
export function useOwnScale(me: Me | null | undefined): void {
  const unit = me?.temperature_unit
  useEffect(() => {
    if (unit) setScale(unit === 'f' ? 'F' : 'C')
  }, [unit])
}
