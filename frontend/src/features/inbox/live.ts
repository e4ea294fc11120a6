/** What live messages change in what we know of the inbox. */

import { type LiveHandler, refetchGently } from '@/shared/live'
import { inboxListKey, put, putUnread } from './queries'

export const onInboxMessage: LiveHandler = (client, organization, message) => {
  if (message.type !== 'inbox') return
  putUnread(client, organization, message.unread)
  // Something new, or everything was read on another screen.
  if (!message.item || !put(client, organization, message.item)) refetchGently(client, inboxListKey(organization))
}
