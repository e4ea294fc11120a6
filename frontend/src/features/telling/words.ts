/** What channels and days are called. */

import type { Channel } from './queries'

interface ChannelWords {
  /** Over a column, on a button. */
  word: string
  /** Of the field where one is added. */
  field: string
  /** For phones: which keyboard. */
  input: 'email' | 'tel' | 'url'
}

export const CHANNELS: Record<Channel, ChannelWords> = {
  email: { word: 'E-mail', field: 'E-mail address', input: 'email' },
  sms: { word: 'Text message', field: 'Mobile number', input: 'tel' },
  voice: { word: 'Call', field: 'Phone number', input: 'tel' },
  push: { word: 'Push', field: 'Device', input: 'url' },
  webhook: { word: 'Webhook', field: 'Address of the webhook', input: 'url' },
  slack: { word: 'Slack', field: 'Address of the Slack hook', input: 'url' },
}

/** The server's 0 is Monday. */
export const WEEKDAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']
