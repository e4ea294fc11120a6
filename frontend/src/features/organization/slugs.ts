/** Addresses of organizations, as the server makes them of names. */

const LONGEST = 60

/** "Café Zwölf & Co." becomes "cafe-zwolf-co". */
export function slugOf(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9\s_-]/g, '')
    .replace(/[\s_-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, LONGEST)
    .replace(/-+$/, '')
}

/** What may be typed: letters become small, spaces become hyphens. */
export function typedSlug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[\s_]+/g, '-')
    .slice(0, LONGEST)
}
