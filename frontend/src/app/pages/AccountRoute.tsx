import { Button, SegmentedControl, useMantineColorScheme } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import classes from '@/features/account/Account.module.css'
import { changeMe } from '@/features/account/queries'
import { OwnInvitations } from '@/features/organization/OwnInvitations'
import { ROLES } from '@/features/organization/roles'
import { meQuery, signOut } from '@/features/session/queries'
import type { Me } from '@/shared/api/types'
import { type Scale, useScale } from '@/shared/preferences'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { Loading, Trouble } from '@/shared/ui/states'
import { useTitle } from '@/shared/ui/useTitle'
import { Outside } from '../Outside'
import pageClasses from './AccountRoute.module.css'
import { NotFound } from './Fallbacks'

// Seldom opened, and with what makes QR codes and passkeys in it.
const Sections = lazy(() => import('./AccountSections'))

const SECTIONS = {
  '': 'Profile',
  notifications: 'Notifications',
  security: 'Security',
  sessions: 'Devices',
  tokens: 'Tokens',
} as const
export type Section = keyof typeof SECTIONS

/** The own account, inside the frame of an organization. */
export function AccountRoute() {
  const { section = '', org } = useParams({ strict: false })
  const me = useQuery(meQuery).data
  if (!me) return null
  if (!Object.hasOwn(SECTIONS, section)) return <NotFound />
  return <Account me={me} section={section as Section} org={org} />
}

/** The same for who is on no organization's pages, or has none. */
export function OwnAccountRoute() {
  return (
    <Outside>
      <AccountRoute />
    </Outside>
  )
}

function Account({ me, section, org }: { me: Me; section: Section; org: string | undefined }) {
  useTitle(section ? `${SECTIONS[section]} · Account` : 'Account')
  return (
    <Page title="Account" above={me.name || undefined} below={me.email}>
      <Tabs section={section} org={org} />
      {section === '' && <Begin />}
      <Suspense
        fallback={
          <Panel>
            <Loading rows={5} />
          </Panel>
        }
      >
        <Sections me={me} section={section} />
      </Suspense>
      {section === '' && <End me={me} />}
    </Page>
  )
}

function Tabs({ section, org }: { section: Section; org: string | undefined }) {
  return (
    <nav aria-label="Account">
      <ul className={classes.tabs}>
        {(Object.keys(SECTIONS) as Section[]).map((each) => {
          const rest = { className: classes.tab, 'aria-current': each === section ? ('page' as const) : undefined }
          const words = SECTIONS[each]
          return (
            <li key={each}>
              {org && each && (
                <Link to="/o/$org/account/$section" params={{ org, section: each }} {...rest}>
                  {words}
                </Link>
              )}
              {org && !each && (
                <Link to="/o/$org/account" params={{ org }} activeOptions={{ exact: true }} {...rest}>
                  {words}
                </Link>
              )}
              {!org && each && (
                <Link to="/account/$section" params={{ section: each }} {...rest}>
                  {words}
                </Link>
              )}
              {!org && !each && (
                <Link to="/account" activeOptions={{ exact: true }} {...rest}>
                  {words}
                </Link>
              )}
            </li>
          )
        })}
      </ul>
    </nav>
  )
}

/** What is done most often stands first: signing out, °C or °F, and joining where one is invited. */
function Begin() {
  const navigate = useNavigate()
  return (
    <>
      <OwnInvitations onJoined={(joined) => void navigate({ to: '/o/$org', params: { org: joined } })} />
      <Preferences />
    </>
  )
}

const unitOf = (scale: Scale): 'c' | 'f' => (scale === 'F' ? 'f' : 'c')

function Preferences() {
  const client = useQueryClient()
  const navigate = useNavigate()
  const scale = useScale()
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const choosing = useMutation({
    mutationFn: (wanted: Scale) => changeMe({ temperature_unit: unitOf(wanted) }),
    // At once; what the server says goes before it, and a refusal brings back what was.
    onMutate: async (wanted) => {
      await client.cancelQueries(meQuery)
      const before = client.getQueryData(meQuery.queryKey)
      client.setQueryData(meQuery.queryKey, (me) => me && { ...me, temperature_unit: unitOf(wanted) })
      return before
    },
    onSuccess: (changed) => client.setQueryData(meQuery.queryKey, changed),
    onError: (_, __, before) => client.setQueryData(meQuery.queryKey, before),
  })
  const leaving = useMutation({
    mutationFn: () => signOut(client),
    onSuccess: () => navigate({ to: '/sign-in' }),
  })
  return (
    <Panel title="Preferences">
      <div className={pageClasses.rows}>
        <div className={pageClasses.row}>
          <span id="scale">Temperatures in</span>
          <SegmentedControl
            aria-labelledby="scale"
            value={scale}
            onChange={(value) => choosing.mutate(value as Scale)}
            data={[
              { value: 'C', label: '°C' },
              { value: 'F', label: '°F' },
            ]}
          />
        </div>
        <div className={pageClasses.row}>
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
        {choosing.error && <Trouble error={choosing.error} />}
        {leaving.error && <Trouble error={leaving.error} />}
        <Button
          className={pageClasses.out}
          variant="default"
          loading={leaving.isPending}
          onClick={() => leaving.mutate()}
        >
          Sign out
        </Button>
      </div>
    </Panel>
  )
}

/** The organizations one is a member of. */
function End({ me }: { me: Me }) {
  return (
    <Panel
      title="Organizations"
      flush
      actions={
        <Button component={Link} to="/new-organization" variant="default">
          New organization
        </Button>
      }
    >
      {me.memberships.length === 0 && <p className={classes.empty}>You aren't a member of one yet.</p>}
      <ul className={classes.rows}>
        {me.memberships.map(({ org, role, sites }) => (
          <li key={org.slug} className={classes.row}>
            <div className={classes.facts}>
              <p className={classes.name}>
                <Link to="/o/$org" params={{ org: org.slug }}>
                  {org.name}
                </Link>
              </p>
              <p className={classes.about}>
                {ROLES[role].word}
                {sites && `, for ${sites.length === 1 ? 'one site' : `${sites.length} sites`}`}
              </p>
            </div>
          </li>
        ))}
      </ul>
    </Panel>
  )
}
