/** Time zones a person can choose from. */

/** The browser's own. Some browsers still say UTC's other names. */
export function ownZone(): string {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  return zone && zone !== 'Etc/UTC' ? zone : 'UTC'
}

/** Every zone this browser knows, with the one that is chosen already. */
export function zones(chosen: string): string[] {
  const known = new Set(['UTC', ...Intl.supportedValuesOf('timeZone')])
  if (chosen) known.add(chosen)
  return [...known].sort()
}

/** "14:05 now" in a zone; nothing if the browser doesn't know it. */
export function timeIn(zone: string, now: number, locale: string): string | null {
  try {
    return new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', timeZone: zone }).format(now)
  } catch {
    return null
  }
}
