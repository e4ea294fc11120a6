/** Whose law a site may be under, as people know it. */

import type { Site } from '@/shared/api/types'

export type Jurisdiction = Exclude<NonNullable<Site['jurisdiction']>, ''>

/** What holds where nobody has chosen. */
const USUAL: Jurisdiction = 'us_food_code'

/** (Checked against the API's description: a law that the server adds or drops is an error of types here.) */
export const JURISDICTIONS: Record<Jurisdiction, string> = {
  us_food_code: 'United States: FDA Food Code',
  maryland: 'United States: Maryland',
  uk: 'United Kingdom',
  eu: 'European Union',
  au_nz: 'Australia and New Zealand',
}

export const jurisdictionOf = (site: Site): Jurisdiction => site.jurisdiction || USUAL
