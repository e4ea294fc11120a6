import type { Me } from '@/shared/api/types'
import { ContactsPanel } from './ContactsPanel'
import { DigestsPanel } from './DigestsPanel'
import { AskBeforeLeaving } from './SaveBar'
import { WishesPanel } from './WishesPanel'

/** Where the person is told, of what, and what is summed up: below a tab of the account, where e-mails lead. */
export function Notifications({ me }: { me: Me }) {
  return (
    <AskBeforeLeaving>
      <ContactsPanel />
      <WishesPanel memberships={me.memberships} />
      <DigestsPanel memberships={me.memberships} />
    </AskBeforeLeaving>
  )
}
