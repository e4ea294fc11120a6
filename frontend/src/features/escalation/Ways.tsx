/** How a person is told: each channel with its sign and its word. */

import { IconDevice, IconMail, IconMessage, IconPhone, IconSend } from '@/shared/ui/icons'
import { moment } from '@/shared/units'
import type { Channel, RehearsedPerson } from './queries'
import classes from './StepTimeline.module.css'
import { isLater } from './words'

const CHANNELS: Record<Channel, { word: string; icon: typeof IconMail }> = {
  email: { word: 'E-mail', icon: IconMail },
  sms: { word: 'Text message', icon: IconMessage },
  voice: { word: 'Call', icon: IconPhone },
  push: { word: 'Push', icon: IconDevice },
  webhook: { word: 'Webhook', icon: IconSend },
  slack: { word: 'Slack', icon: IconSend },
}

interface Props {
  person: RehearsedPerson
  /** When it is their turn: what is sent later says when. */
  turn: string
  zone: string | undefined
}

export function Ways({ person, turn, zone }: Props) {
  return (
    <ul className={classes.ways}>
      {person.channels.map(({ kind, to, at, why }) => {
        const { word, icon: Icon } = CHANNELS[kind]
        return (
          <li key={`${kind} ${to}`} className={classes.way} title={why}>
            <Icon size={16} />
            {isLater(at, turn) ? `${word}, held back until ${moment(at, zone)}` : word}
          </li>
        )
      })}
    </ul>
  )
}
