import { AddressPanel } from '@/features/account/AddressPanel'
import { PasskeysPanel } from '@/features/account/PasskeysPanel'
import { PasswordPanel } from '@/features/account/PasswordPanel'
import { ProfilePanel } from '@/features/account/ProfilePanel'
import { ProofProvider } from '@/features/account/Proof'
import { SessionsPanel } from '@/features/account/SessionsPanel'
import { TokensPanel } from '@/features/account/TokensPanel'
import { TwoFactorPanel } from '@/features/account/TwoFactorPanel'
import { Notifications } from '@/features/telling/Notifications'
import type { Me } from '@/shared/api/types'
import type { Section } from './AccountRoute'

/** What stands below the tabs of the account page. */
export default function AccountSections({ me, section }: { me: Me; section: Section }) {
  return (
    <ProofProvider>
      {section === '' && (
        <>
          <ProfilePanel me={me} />
          <AddressPanel />
        </>
      )}
      {section === 'notifications' && <Notifications me={me} />}
      {section === 'security' && (
        <>
          <PasswordPanel email={me.email} />
          <TwoFactorPanel email={me.email} />
          <PasskeysPanel email={me.email} />
        </>
      )}
      {section === 'sessions' && <SessionsPanel />}
      {section === 'tokens' && <TokensPanel />}
    </ProofProvider>
  )
}
