/** Sites themselves: when they are open, and whose law applies. */

import { answer, api } from '@/shared/api/client'
import type { components } from '@/shared/api/schema'
import type { Site } from '@/shared/api/types'
import type { StoredHours } from './hours'
import type { Jurisdiction } from './laws'

export interface SiteChange {
  opening_hours?: StoredHours
  jurisdiction?: Jurisdiction
}

/** Only what was changed: somebody else may be changing the rest. */
export const changeSite = (organization: string, id: string, change: SiteChange): Promise<Site> =>
  answer(
    api.PATCH('/api/v1/orgs/{organization}/sites/{id}/', {
      params: { path: { organization, id } },
      // (The generated type wants whatever has a default; a PATCH leaves what isn't named as it is.)
      body: change as components['schemas']['PatchedSiteRequest'],
    }),
  )
