/** The part of the small backend that looks after organizations, their people, keys and audit trail. */

import { HttpResponse, http } from 'msw'
import type { ApiKey, AuditEvent, Colleague, Invitation, Offer, Organization, Role } from '@/shared/api/types'
import { HERE, ORG, page, problem } from './answers'
import type { Backend } from './backend'
import { ago, aMembership, anInvitation, anOrganization, aPerson } from './make'

export interface OrganizationBackend {
  /** What isn't said here follows from the person's memberships. */
  organizations: Organization[]
  members: Colleague[]
  invitations: Invitation[]
  offers: Offer[]
  keys: ApiKey[]
  audit: AuditEvent[]
  /** Former names and where they lead. */
  moved: Record<string, string>
}

export const noOrganizations = (): OrganizationBackend => ({
  organizations: [],
  members: [],
  invitations: [],
  offers: [],
  keys: [],
  audit: [],
  moved: {},
})

const missing = () => problem(404, 'not_found', 'There is nothing here.')
const forbidden = () => problem(403, 'permission_denied', "Your role in this organization doesn't allow this.")
const gone = () => new HttpResponse(null, { status: 204 })

const may = (backend: Backend, slug: unknown, action: string): boolean =>
  backend.me?.memberships.find(({ org }) => org.slug === slug)?.permissions.includes(action) ?? false

const note = (backend: Backend, request: Request): void => {
  const { pathname, search } = new URL(request.url)
  backend.asked.push(`${request.method} ${pathname}${search}`)
}

/** A new membership of the person, or one with other facts. */
function become(backend: Backend, slug: string, role: Role | null, name?: string): void {
  if (!backend.me) return
  const others = backend.me.memberships.filter(({ org }) => org.slug !== slug)
  backend.me = { ...backend.me, memberships: role ? [...others, aMembership(slug, role, { name })] : others }
}

export function organizationHandlers(backend: Backend) {
  return [
    ...itselfHandlers(backend),
    ...memberHandlers(backend),
    ...invitationHandlers(backend),
    ...offerHandlers(backend),
    ...keyHandlers(backend),
    http.get(`${ORG}/audit-events/`, ({ request, params }) => {
      note(backend, request)
      return may(backend, params.org, 'audit.view')
        ? page(request, backend.audit, ['entity', 'action', 'object_id'])
        : forbidden()
    }),
  ]
}

function found(backend: Backend, slug: unknown): Organization | undefined {
  const known = backend.organizations.find((each) => each.slug === slug)
  const own = backend.me?.memberships.find(({ org }) => org.slug === slug)
  if (known || !own) return known
  const made = anOrganization({ slug: own.org.slug, name: own.org.name, role: own.role, permissions: own.permissions })
  backend.organizations.push(made)
  return made
}

function itselfHandlers(backend: Backend) {
  return [
    http.get(`${HERE}/api/v1/orgs/`, ({ request }) => {
      const deleted = new URL(request.url).searchParams.get('deleted') === 'true'
      return page(
        request,
        backend.organizations.filter((each) => (each.deleted_at !== null) === deleted),
        [],
      )
    }),
    http.post(`${HERE}/api/v1/orgs/`, async ({ request }) => {
      const body = (await request.json()) as { name: string; slug?: string; timezone: string }
      backend.posted.organization = body
      if (body.slug === 'taken') return problem(409, 'slug_taken', 'The address “taken” is taken. Choose another.')
      if (body.slug === 'admin') {
        const errors = [{ field: 'slug', code: 'reserved', detail: 'This word is reserved. Choose another.' }]
        return problem(400, 'invalid', 'Check what you entered.', errors)
      }
      const made = anOrganization({ ...body, slug: body.slug ?? 'made-of-its-name', role: 'owner' })
      backend.organizations.push(made)
      become(backend, made.slug, 'owner', made.name)
      return HttpResponse.json(made, { status: 201 })
    }),
    http.get(`${ORG}/`, ({ params }) => {
      const now = backend.moved[String(params.org)]
      const organization = found(backend, now ?? params.org)
      return organization ? HttpResponse.json(organization) : missing()
    }),
    http.patch(`${ORG}/`, async ({ request, params }) => {
      const body = (await request.json()) as Partial<Organization>
      backend.posted.settings = body
      const organization = found(backend, params.org)
      if (!organization) return missing()
      if (!may(backend, params.org, 'organization.change')) return forbidden()
      if (body.email === 'nonsense') {
        const errors = [{ field: 'email', code: 'invalid', detail: 'Enter a valid email address.' }]
        return problem(400, 'invalid', 'Check what you entered.', errors)
      }
      const changed = { ...organization, ...body }
      backend.organizations = backend.organizations.map((each) => (each === organization ? changed : each))
      if (changed.slug !== organization.slug) backend.moved[organization.slug] = changed.slug
      become(backend, organization.slug, null)
      become(backend, changed.slug, organization.role as Role, changed.name)
      return HttpResponse.json(changed)
    }),
    http.delete(`${ORG}/`, ({ params, request }) => {
      note(backend, request)
      if (!may(backend, params.org, 'organization.delete')) return forbidden()
      const organization = found(backend, params.org)
      if (!organization) return missing()
      const deleted = { ...organization, deleted_at: ago(0), purge_at: ago(-30 * 86_400) }
      backend.organizations = backend.organizations.map((each) => (each === organization ? deleted : each))
      become(backend, organization.slug, null)
      return gone()
    }),
    http.post(`${ORG}/restore/`, ({ params }) => {
      const organization = backend.organizations.find(({ slug }) => slug === params.org)
      if (!organization) return missing()
      const restored = { ...organization, deleted_at: null, purge_at: null }
      backend.organizations = backend.organizations.map((each) => (each === organization ? restored : each))
      become(backend, restored.slug, 'owner', restored.name)
      return HttpResponse.json(restored)
    }),
  ]
}

function memberHandlers(backend: Backend) {
  const one = (id: unknown) => backend.members.find((each) => each.id === id)
  const replace = (before: Colleague, after: Colleague[]) => {
    backend.members = backend.members.flatMap((each) => (each === before ? after : [each]))
  }
  return [
    http.get(`${ORG}/members/`, ({ request }) => page(request, backend.members, [])),
    http.post(`${ORG}/members/leave/`, ({ params, request }) => {
      note(backend, request)
      const own = backend.members.find(({ is_you }) => is_you)
      if (own) replace(own, [])
      become(backend, String(params.org), null)
      return gone()
    }),
    http.post(`${ORG}/members/:id/make-owner/`, async ({ params, request }) => {
      backend.posted.handOver = await request.json()
      const member = one(params.id)
      if (!member) return missing()
      const owner = { ...member, role: 'owner' as const }
      replace(member, [owner])
      become(backend, String(params.org), 'admin')
      return HttpResponse.json(owner)
    }),
    http.patch(`${ORG}/members/:id/`, async ({ params, request }) => {
      const body = (await request.json()) as Partial<Colleague>
      backend.posted.member = body
      const member = one(params.id)
      if (!member) return missing()
      if (!may(backend, params.org, 'members.change')) return forbidden()
      const changed = { ...member, ...body }
      replace(member, [changed])
      return HttpResponse.json(changed)
    }),
    http.delete(`${ORG}/members/:id/`, ({ params, request }) => {
      note(backend, request)
      const member = one(params.id)
      if (!member) return missing()
      replace(member, [])
      return gone()
    }),
  ]
}

function invitationHandlers(backend: Backend) {
  return [
    http.get(`${ORG}/invitations/`, ({ request, params }) =>
      may(backend, params.org, 'members.change') ? page(request, backend.invitations, ['state']) : forbidden(),
    ),
    http.post(`${ORG}/invitations/`, async ({ request }) => {
      const body = (await request.json()) as Pick<Invitation, 'email' | 'role' | 'sites'>
      backend.posted.invitation = body
      if (backend.members.some(({ user }) => user.email === body.email)) {
        return problem(409, 'already_member', `${body.email} is a member already.`)
      }
      const made = anInvitation(body)
      backend.invitations = [made, ...backend.invitations]
      return HttpResponse.json(made, { status: 201 })
    }),
    http.post(`${ORG}/invitations/:id/resend/`, ({ params, request }) => {
      note(backend, request)
      const before = backend.invitations.find(({ id }) => id === params.id)
      if (!before) return missing()
      const sent = { ...before, state: 'pending', expires_at: ago(-7 * 86_400) }
      backend.invitations = backend.invitations.map((each) => (each === before ? sent : each))
      return HttpResponse.json(sent)
    }),
    http.delete(`${ORG}/invitations/:id/`, ({ params, request }) => {
      note(backend, request)
      backend.invitations = backend.invitations.filter(({ id }) => id !== params.id)
      return gone()
    }),
  ]
}

function offerHandlers(backend: Backend) {
  return [
    http.get(`${HERE}/api/v1/me/invitations/`, ({ request }) => page(request, backend.offers, [])),
    http.post(`${HERE}/api/v1/me/invitations/:id/accept/`, ({ params }) => {
      const offer = backend.offers.find(({ id }) => id === params.id)
      if (!offer) return missing()
      if (offer.state === 'expired') {
        return problem(409, 'invitation_expired', 'This invitation has expired. Ask for another.')
      }
      backend.offers = backend.offers.filter((each) => each !== offer)
      become(backend, 'joined', offer.role, offer.organization.name)
      return HttpResponse.json(backend.me?.memberships.find(({ org }) => org.slug === 'joined'))
    }),
  ]
}

function keyHandlers(backend: Backend) {
  return [
    http.get(`${ORG}/api-keys/`, ({ request, params }) => {
      if (!may(backend, params.org, 'keys.view')) return forbidden()
      const revoked = new URL(request.url).searchParams.get('revoked') === 'true'
      return page(
        request,
        backend.keys.filter((key) => (key.revoked_at !== null) === revoked),
        [],
      )
    }),
    http.post(`${ORG}/api-keys/`, async ({ request }) => {
      const body = (await request.json()) as { name: string; expires_at: string | null; scopes: string[] }
      backend.posted.key = body
      const made: ApiKey = {
        id: `key-${backend.keys.length}`,
        name: body.name,
        prefix: 'ftk_abcd',
        scopes: ['ingest'],
        created_by: aPerson(),
        created_at: ago(0),
        expires_at: body.expires_at,
        last_used_at: null,
        revoked_at: null,
      }
      backend.keys = [made, ...backend.keys]
      return HttpResponse.json({ ...made, key: 'ftk_abcdefghijklmnop' }, { status: 201 })
    }),
    http.delete(`${ORG}/api-keys/:id/`, ({ params }) => {
      backend.keys = backend.keys.map((key) => (key.id === params.id ? { ...key, revoked_at: ago(0) } : key))
      return gone()
    }),
  ]
}
