/** What live messages change in what we know of mutes. */

import { type LiveHandler, refetchGently } from '@/shared/live'

export const onMuteMessage: LiveHandler = (client, organization, message) => {
  if (message.type === 'change' && message.entity === 'mute') refetchGently(client, ['mutes', organization])
}
