/** Every address of the app. Filters and ranges live here, so that a link shows what its sender saw. */

import type { QueryClient } from '@tanstack/react-query'
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  Outlet,
  type RouterHistory,
  redirect,
} from '@tanstack/react-router'
import type { AlertFilters } from '@/features/alerts/queries'
import { meQuery } from '@/features/session/queries'
import type { DashboardFilters } from '@/features/units/DashboardPage'
import type { Range } from '@/features/units/queries'
import { ALERT_STATUS, SEVERITY, UNIT_STATUS } from '@/shared/ui/status'
import { OrganizationLayout } from './OrganizationLayout'
import { AccountRoute } from './pages/AccountRoute'
import { AlertRoute } from './pages/AlertRoute'
import { AlertsRoute } from './pages/AlertsRoute'
import { DashboardRoute } from './pages/DashboardRoute'
import { Broken, NoOrganization, NotFound, Starting } from './pages/Fallbacks'
import { SignInRoute } from './pages/SignInRoute'
import { UnitRoute } from './pages/UnitRoute'

/** A search value if it is one of those we know: addresses are typed by people too. */
function known<T extends string>(value: unknown, values: Record<T, unknown>): T | undefined {
  return typeof value === 'string' && Object.hasOwn(values, value) ? (value as T) : undefined
}

const word = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

const root = createRootRouteWithContext<{ client: QueryClient }>()({ component: Outlet })

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search): { next?: string } => {
    const next = word(search.next)
    // Only a path of this app: `//elsewhere` and `https://…` would lead away.
    // (Said as undefined, since what is left out would be taken from the address as it is.)
    return { next: next && /^\/(?![/\\])/.test(next) ? next : undefined }
  },
  beforeLoad: async ({ context, search }) => {
    if (await context.client.ensureQueryData(meQuery)) throw redirect({ href: search.next ?? '/', replace: true })
  },
  component: SignInRoute,
})

const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  beforeLoad: async ({ context, location }) => {
    const me = await context.client.ensureQueryData(meQuery)
    if (!me) {
      const next = location.href === '/' ? {} : { next: location.href }
      throw redirect({ to: '/sign-in', search: next, replace: true })
    }
    return { me }
  },
})

const index = createRoute({
  getParentRoute: () => signedIn,
  path: '/',
  beforeLoad: ({ context }) => {
    const first = context.me.memberships[0]
    if (first) throw redirect({ to: '/o/$org', params: { org: first.org.slug }, replace: true })
  },
  component: NoOrganization,
})

const organization = createRoute({ getParentRoute: () => signedIn, path: '/o/$org', component: OrganizationLayout })

const dashboard = createRoute({
  getParentRoute: () => organization,
  path: '/',
  validateSearch: (search): DashboardFilters => ({
    site: word(search.site),
    status: known(search.status, UNIT_STATUS),
    problems: search.problems === true || undefined,
  }),
  component: DashboardRoute,
})

const RANGE_VALUES: Record<Range, true> = { '6h': true, '24h': true, '7d': true }

const unit = createRoute({
  getParentRoute: () => organization,
  path: '/units/$unit',
  validateSearch: (search): { range?: Range } => ({ range: known(search.range, RANGE_VALUES) }),
  component: UnitRoute,
})

const alerts = createRoute({
  getParentRoute: () => organization,
  path: '/alerts',
  validateSearch: (search): AlertFilters => ({
    site: word(search.site),
    severity: known(search.severity, SEVERITY),
    status: known(search.status, ALERT_STATUS),
  }),
  component: AlertsRoute,
})

const alert = createRoute({ getParentRoute: () => organization, path: '/alerts/$alert', component: AlertRoute })

const account = createRoute({ getParentRoute: () => organization, path: '/account', component: AccountRoute })

const tree = root.addChildren([
  signIn,
  signedIn.addChildren([index, organization.addChildren([dashboard, unit, alerts, alert, account])]),
])

export function createAppRouter(client: QueryClient, history?: RouterHistory) {
  return createRouter({
    routeTree: tree,
    context: { client },
    history,
    defaultPreload: false,
    scrollRestoration: true,
    defaultNotFoundComponent: NotFound,
    defaultErrorComponent: Broken,
    defaultPendingComponent: Starting,
    defaultPendingMs: 300,
  })
}

export type AppRouter = ReturnType<typeof createAppRouter>

declare module '@tanstack/react-router' {
  interface Register {
    router: AppRouter
  }
}
