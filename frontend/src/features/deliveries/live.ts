/** What live messages change in what we know of deliveries. */

import { type LiveHandler, refetchGently } from '@/shared/live'
import { deliveriesKey } from './queries'

/** Nothing tells of a message by itself, but where an alert moves people are told. */
export const onDeliveryMessage: LiveHandler = (client, organization, message) => {
  if (message.type === 'alert') refetchGently(client, deliveriesKey(organization))
}
