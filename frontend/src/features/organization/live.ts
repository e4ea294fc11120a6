/** What live messages change in what we know of the organization and its people. */

import { type LiveHandler, refetchGently } from '@/shared/live'
import { auditKey } from './audit'
import { keysKey } from './keys'
import { invitationsQuery, membersQuery } from './people'
import { organizationQuery } from './queries'

export const onOrganizationMessage: LiveHandler = (client, organization, message) => {
  if (message.type !== 'change') return
  if (message.entity === 'organization') refetchGently(client, organizationQuery(organization).queryKey)
  if (message.entity === 'membership') refetchGently(client, membersQuery(organization).queryKey)
  if (message.entity === 'invitation') refetchGently(client, invitationsQuery(organization).queryKey)
  if (message.entity === 'api_key') refetchGently(client, keysKey(organization))
  // One's own role may have changed, or the organization's name: menus follow.
  if (message.entity === 'organization' || message.entity === 'membership') refetchGently(client, ['me'])
  // The trail itself isn't fetched anew under a reader's eyes; it is when it is opened next.
  void client.invalidateQueries({ queryKey: auditKey(organization), refetchType: 'none' })
}
