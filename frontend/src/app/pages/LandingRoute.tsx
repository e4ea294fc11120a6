import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useRouter } from '@tanstack/react-router'
import { useEffect } from 'react'
import { DeletedOrganizations } from '@/features/organization/DeletedOrganizations'
import { OwnInvitations } from '@/features/organization/OwnInvitations'
import { meQuery, signOut } from '@/features/session/queries'
import { IconBuilding } from '@/shared/ui/icons'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { Empty } from '@/shared/ui/states'
import { useTitle } from '@/shared/ui/useTitle'
import { Outside } from '../Outside'
import classes from './Fallbacks.module.css'

/** Signed in, but a member of nothing: what waits for this person, and how to begin. */
export function LandingRoute() {
  const client = useQueryClient()
  const router = useRouter()
  const navigate = useNavigate()
  const me = useQuery(meQuery).data
  const [first] = me?.memberships ?? []
  useTitle('Welcome')
  // A restored organization, or one they were let into meanwhile.
  useEffect(() => {
    if (first) void navigate({ to: '/o/$org', params: { org: first.org.slug }, replace: true })
  }, [first, navigate])
  return (
    <Outside>
      <Page title={me?.name ? `Welcome, ${me.name}` : 'Welcome'} below={me?.email}>
        <OwnInvitations onJoined={(org) => void navigate({ to: '/o/$org', params: { org } })} />
        <Panel>
          <Empty icon={<IconBuilding />} title="You aren't a member of an organization yet">
            <p className={classes.words}>
              Does your company use FreshTrack already? Ask somebody there to invite you at this address. Or begin with
              an organization of your own.
            </p>
            <div className={classes.buttons}>
              <Button component={Link} to="/new-organization">
                New organization
              </Button>
              <Button
                variant="default"
                onClick={() => void signOut(client).then(() => router.navigate({ to: '/sign-in' }))}
              >
                Sign out
              </Button>
            </div>
          </Empty>
        </Panel>
        <DeletedOrganizations />
      </Page>
    </Outside>
  )
}
