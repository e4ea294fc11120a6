/** How one person reads temperatures: as their account says, on every device and page. Nothing else is asked. */

import { createContext, useContext } from 'react'
import type { Me } from './api/types'

export type Scale = 'C' | 'F'

/** Celsius until it is known who reads. */
export const scaleOf = (me: Me | null | undefined): Scale => (me?.temperature_unit === 'f' ? 'F' : 'C')

/** Given by the app, from who is signed in. */
export const ScaleContext = createContext<Scale>('C')

/** Celsius or Fahrenheit, as this person reads temperatures. */
export const useScale = (): Scale => useContext(ScaleContext)
