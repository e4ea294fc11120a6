/** What live messages change in what we know of alerts. */

import { type LiveHandler, refetchGently } from '@/shared/live'
import { alertEventsQuery, take } from './queries'

export const onAlertMessage: LiveHandler = (client, organization, message) => {
  if (message.type !== 'alert') return
  take(client, organization, message.alert)
  refetchGently(client, ['alerts', organization, 'list'])
  refetchGently(client, ['alerts', organization, 'unit'])
  refetchGently(client, alertEventsQuery(organization, message.alert.id).queryKey)
}
