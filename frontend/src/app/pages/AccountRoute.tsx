import { Button, NativeSelect, SegmentedControl, useMantineColorScheme } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { meQuery, signOut } from '@/features/session/queries'
import { useMember } from '@/shared/member'
import { type Scale, setScale, useScale } from '@/shared/preferences'
import { DataList } from '@/shared/ui/DataList'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { Trouble } from '@/shared/ui/states'
import { useTitle } from '@/shared/ui/useTitle'
import classes from './AccountRoute.module.css'

/** Who I am here, how I like to read, and the way out. */
export function AccountRoute() {
  const { organization, organizationName, role } = useMember()
  const me = useQuery(meQuery).data
  const client = useQueryClient()
  const navigate = useNavigate()
  const leaving = useMutation({
    mutationFn: () => signOut(client),
    onSuccess: () => navigate({ to: '/sign-in' }),
  })
  useTitle('Account')
  return (
    <Page title="Account" above={organizationName}>
      <Panel title="You">
        <DataList
          facts={[
            { term: 'Name', value: me?.name || '–' },
            { term: 'E-mail', value: me?.email },
            { term: 'Role', value: <span className={classes.role}>{role}</span> },
            { term: 'Organization', value: organizationName },
          ]}
        />
        {me && me.memberships.length > 1 && (
          <NativeSelect
            className={classes.switch}
            label="Switch organization"
            value={organization}
            onChange={(event) => void navigate({ to: '/o/$org', params: { org: event.currentTarget.value } })}
            data={me.memberships.map(({ org }) => ({ value: org.slug, label: org.name }))}
          />
        )}
      </Panel>
      <Preferences />
      <Panel title="Session">
        {leaving.error && <Trouble error={leaving.error} />}
        <Button variant="default" loading={leaving.isPending} onClick={() => leaving.mutate()}>
          Sign out
        </Button>
      </Panel>
    </Page>
  )
}

function Preferences() {
  const scale = useScale()
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  return (
    <Panel title="On this device">
      <div className={classes.rows}>
        <div className={classes.row}>
          <span id="scale">Temperatures in</span>
          <SegmentedControl
            aria-labelledby="scale"
            value={scale}
            onChange={(value) => setScale(value as Scale)}
            data={[
              { value: 'C', label: '°C' },
              { value: 'F', label: '°F' },
            ]}
          />
        </div>
        <div className={classes.row}>
          <span id="scheme">Colours</span>
          <SegmentedControl
            aria-labelledby="scheme"
            value={colorScheme}
            onChange={(value) => setColorScheme(value as typeof colorScheme)}
            data={[
              { value: 'auto', label: 'As the device' },
              { value: 'light', label: 'Light' },
              { value: 'dark', label: 'Dark' },
            ]}
          />
        </div>
      </div>
    </Panel>
  )
}
