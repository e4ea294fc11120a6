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
import type { DeliveryFilters } from '@/features/deliveries/queries'
import { CHANNELS, STATUSES } from '@/features/deliveries/words'
import type { InboxFilters } from '@/features/inbox/queries'
import { ACTIONS, type AuditFilters } from '@/features/organization/audit'
import type { KeyFilters } from '@/features/organization/KeysPage'
import { CODES, STATES } from '@/features/quarantine/codes'
import type { QuarantineFilters } from '@/features/quarantine/queries'
import type { RuleFilters } from '@/features/rules/RulesPage'
import { meQuery } from '@/features/session/queries'
import type { DashboardFilters } from '@/features/units/DashboardPage'
import { type ViewSearch, viewSearchOf } from '@/features/units/range'
import { ALERT_STATUS, SEVERITY, UNIT_STATUS } from '@/shared/ui/status'
import { OrganizationLayout } from './OrganizationLayout'
import { AccountRoute, OwnAccountRoute } from './pages/AccountRoute'
import { AlertRoute } from './pages/AlertRoute'
import { AlertsRoute } from './pages/AlertsRoute'
import { AuditRoute } from './pages/AuditRoute'
import { CoverageRoute } from './pages/CoverageRoute'
import { DashboardRoute } from './pages/DashboardRoute'
import { DeliveriesRoute } from './pages/DeliveriesRoute'
import { EscalationRoute, NewPolicyRoute, PolicyRoute } from './pages/EscalationRoutes'
import { Broken, NotFound, Starting } from './pages/Fallbacks'
import { InboxRoute } from './pages/InboxRoute'
import { InvitationRoute } from './pages/InvitationRoute'
import { KeysRoute } from './pages/KeysRoute'
import { LandingRoute } from './pages/LandingRoute'
import { MembersRoute } from './pages/MembersRoute'
import { MutesRoute } from './pages/MutesRoute'
import { NewOrganizationRoute } from './pages/NewOrganizationRoute'
import { OnCallRoute, ScheduleRoute } from './pages/OnCallRoutes'
import { ForgotPasswordRoute, ResetPasswordRoute } from './pages/PasswordRoutes'
import { QuarantineRoute } from './pages/QuarantineRoute'
import { NewRuleRoute, RuleRoute, RulesRoute } from './pages/RulesRoutes'
import { SettingsRoute } from './pages/SettingsRoute'
import { SignInRoute } from './pages/SignInRoute'
import { SignUpRoute } from './pages/SignUpRoute'
import { SiteRoute, SitesRoute } from './pages/SitesRoutes'
import { UnitRoute } from './pages/UnitRoute'
import { VerifyEmailRoute } from './pages/VerifyEmailRoute'

/** A search value if it is one of those we know: addresses are typed by people too. */
function known<T extends string>(value: unknown, values: Record<T, unknown>): T | undefined {
  return typeof value === 'string' && Object.hasOwn(values, value) ? (value as T) : undefined
}

const word = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

const root = createRootRouteWithContext<{ client: QueryClient }>()({ component: Outlet })

/** Where to go once signed in: only a path of this app, since `//elsewhere` and `https://…` would lead away. */
function wanted(search: Record<string, unknown>): { next?: string } {
  const next = word(search.next)
  // (Said as undefined, since what is left out would be taken from the address as it is.)
  return { next: next && /^\/(?![/\\])/.test(next) ? next : undefined }
}

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  // A provider that refuses sends people back with `error`.
  validateSearch: (search): { next?: string; error?: string } => ({ ...wanted(search), error: word(search.error) }),
  beforeLoad: async ({ context, search }) => {
    if (await context.client.ensureQueryData(meQuery)) throw redirect({ href: search.next ?? '/', replace: true })
  },
  component: SignInRoute,
})

const signUp = createRoute({
  getParentRoute: () => root,
  path: '/sign-up',
  validateSearch: wanted,
  beforeLoad: async ({ context, search }) => {
    if (await context.client.ensureQueryData(meQuery)) throw redirect({ href: search.next ?? '/', replace: true })
  },
  component: SignUpRoute,
})

// These are for people who are signed in as well: another address is confirmed, another organization joined.
const verifyEmail = createRoute({
  getParentRoute: () => root,
  path: '/verify-email',
  validateSearch: wanted,
  component: VerifyEmailRoute,
})
const verifyEmailLink = createRoute({
  getParentRoute: () => root,
  path: '/verify-email/$key',
  validateSearch: wanted,
  component: VerifyEmailRoute,
})
const forgotPassword = createRoute({
  getParentRoute: () => root,
  path: '/forgot-password',
  component: ForgotPasswordRoute,
})
const resetPassword = createRoute({
  getParentRoute: () => root,
  path: '/reset-password/$key',
  component: ResetPasswordRoute,
})
const invitation = createRoute({ getParentRoute: () => root, path: '/invitation/$token', component: InvitationRoute })

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
  component: LandingRoute,
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

const unit = createRoute({
  getParentRoute: () => organization,
  path: '/units/$unit',
  validateSearch: (search): ViewSearch => viewSearchOf(search),
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

const rules = createRoute({
  getParentRoute: () => organization,
  path: '/rules',
  validateSearch: (search): RuleFilters => ({ q: word(search.q) }),
  component: RulesRoute,
})

const newRule = createRoute({
  getParentRoute: () => organization,
  path: '/rules/new',
  validateSearch: (search): { unit?: string } => ({ unit: word(search.unit) }),
  component: NewRuleRoute,
})

const rule = createRoute({ getParentRoute: () => organization, path: '/rules/$rule', component: RuleRoute })

const mutes = createRoute({ getParentRoute: () => organization, path: '/mutes', component: MutesRoute })

const escalation = createRoute({
  getParentRoute: () => organization,
  path: '/escalation',
  component: EscalationRoute,
})

const newPolicy = createRoute({
  getParentRoute: () => organization,
  path: '/escalation/new',
  component: NewPolicyRoute,
})

const policy = createRoute({
  getParentRoute: () => organization,
  path: '/escalation/$policy',
  component: PolicyRoute,
})

const onCall = createRoute({ getParentRoute: () => organization, path: '/on-call', component: OnCallRoute })

const schedule = createRoute({
  getParentRoute: () => organization,
  path: '/on-call/$schedule',
  component: ScheduleRoute,
})

const coverage = createRoute({ getParentRoute: () => organization, path: '/coverage', component: CoverageRoute })

const sites = createRoute({ getParentRoute: () => organization, path: '/sites', component: SitesRoute })
const site = createRoute({ getParentRoute: () => organization, path: '/sites/$site', component: SiteRoute })

// The own account belongs to no organization; inside one it keeps that one's frame around it.
const account = createRoute({ getParentRoute: () => organization, path: '/account', component: AccountRoute })
const accountSection = createRoute({
  getParentRoute: () => organization,
  path: '/account/$section',
  component: AccountRoute,
})
const ownAccount = createRoute({ getParentRoute: () => signedIn, path: '/account', component: OwnAccountRoute })
const ownAccountSection = createRoute({
  getParentRoute: () => signedIn,
  path: '/account/$section',
  component: OwnAccountRoute,
})

const newOrganization = createRoute({
  getParentRoute: () => signedIn,
  path: '/new-organization',
  component: NewOrganizationRoute,
})

const settings = createRoute({ getParentRoute: () => organization, path: '/settings', component: SettingsRoute })

const members = createRoute({ getParentRoute: () => organization, path: '/members', component: MembersRoute })

const keys = createRoute({
  getParentRoute: () => organization,
  path: '/keys',
  validateSearch: (search): KeyFilters => ({ revoked: search.revoked === true || undefined }),
  component: KeysRoute,
})

const day = (value: unknown): string | undefined => word(value)?.match(/^\d{4}-\d{2}-\d{2}$/)?.[0]

const audit = createRoute({
  getParentRoute: () => organization,
  path: '/audit',
  validateSearch: (search): AuditFilters => ({
    actor: word(search.actor),
    entity: word(search.entity),
    action: known(search.action, ACTIONS),
    object: word(search.object),
    from: day(search.from),
    to: day(search.to),
  }),
  component: AuditRoute,
})

const quarantine = createRoute({
  getParentRoute: () => organization,
  path: '/quarantine',
  validateSearch: (search): QuarantineFilters => ({
    code: known(search.code, CODES),
    serial: word(search.serial),
    state: known(search.state, STATES),
  }),
  component: QuarantineRoute,
})

const inbox = createRoute({
  getParentRoute: () => organization,
  path: '/inbox',
  validateSearch: (search): InboxFilters => ({ unread: search.unread === true || undefined }),
  component: InboxRoute,
})

const deliveries = createRoute({
  getParentRoute: () => organization,
  path: '/deliveries',
  validateSearch: (search): DeliveryFilters => ({
    status: known(search.status, STATUSES),
    channel: known(search.channel, CHANNELS),
  }),
  component: DeliveriesRoute,
})

const tree = root.addChildren([
  signIn,
  signUp,
  verifyEmail,
  verifyEmailLink,
  forgotPassword,
  resetPassword,
  invitation,
  signedIn.addChildren([
    index,
    newOrganization,
    ownAccount,
    ownAccountSection,
    organization.addChildren([
      dashboard,
      unit,
      alerts,
      alert,
      rules,
      newRule,
      rule,
      mutes,
      escalation,
      newPolicy,
      policy,
      onCall,
      schedule,
      coverage,
      sites,
      site,
      account,
      accountSection,
      settings,
      members,
      keys,
      quarantine,
      inbox,
      deliveries,
      audit,
    ]),
  ]),
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
