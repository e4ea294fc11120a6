/** Where a person is told, by which channels of what, when not, and what is sent together. */

import { queryOptions } from '@tanstack/react-query'
import { answer, api, everyPage } from '@/shared/api/client'
import type { components } from '@/shared/api/schema'
import type { Severity } from '@/shared/api/types'

type Schemas = components['schemas']

export type ContactMethod = Schemas['ContactMethod']
export type Channel = Schemas['ContactKindEnum']
export type Wishes = Schemas['Preferences']
export type WishesBody = Schemas['PreferencesRequest']
export type Digests = Schemas['Digests']
export type Digest = Schemas['Digest']
export type DigestBody = Schemas['DigestRequest']
export type Period = Schemas['PeriodEnum']
export type Letter = Schemas['DigestPreview']
export type Reach = Schemas['Reach']
export type Reached = Reach['results'][number]

export const contactsQuery = queryOptions({
  queryKey: ['telling', 'contacts'],
  queryFn: ({ signal }): Promise<ContactMethod[]> =>
    everyPage((cursor) =>
      answer(api.GET('/api/v1/me/contact-methods/', { params: { query: { page_size: 100, cursor } }, signal })),
    ),
})

/** A code is sent there; nothing else is until it came back. */
export const addContact = (body: { kind: Channel; address: string }): Promise<ContactMethod> =>
  answer(api.POST('/api/v1/me/contact-methods/', { body }))

export const removeContact = (contact: string): Promise<unknown> =>
  answer(api.DELETE('/api/v1/me/contact-methods/{contact}/', { params: { path: { contact } } }))

/** The code before is worth nothing any more. */
export const sendCode = (contact: string): Promise<ContactMethod> =>
  answer(api.POST('/api/v1/me/contact-methods/{contact}/send-code/', { params: { path: { contact } } }))

/** The right code also switches on again what was switched off. */
export const verifyContact = (contact: string, code: string): Promise<ContactMethod> =>
  answer(api.POST('/api/v1/me/contact-methods/{contact}/verify/', { params: { path: { contact } }, body: { code } }))

export const wishesQuery = queryOptions({
  queryKey: ['telling', 'wishes'],
  queryFn: ({ signal }): Promise<Wishes> => answer(api.GET('/api/v1/me/notification-preferences/', { signal })),
})

/** All of them: what isn't in it goes back to how it was before anybody chose. */
export const saveWishes = (body: WishesBody): Promise<Wishes> =>
  answer(api.PUT('/api/v1/me/notification-preferences/', { body }))

export const digestsQuery = queryOptions({
  queryKey: ['telling', 'digests'],
  queryFn: ({ signal }): Promise<Digests> => answer(api.GET('/api/v1/me/digests/', { signal })),
})

export const saveDigests = (digests: DigestBody[]): Promise<Digests> =>
  answer(api.PUT('/api/v1/me/digests/', { body: { digests } }))

/** What it would say now. Nothing is sent. */
export const letterQuery = (organization: string, period: Period) =>
  queryOptions({
    queryKey: ['telling', 'letter', organization, period],
    queryFn: ({ signal }): Promise<Letter> =>
      answer(
        api.GET('/api/v1/orgs/{organization}/digests/preview/', {
          params: { path: { organization }, query: { period } },
          signal,
        }),
      ),
    // Asked for each time it is opened: it tells of now.
    gcTime: 0,
  })

/** To oneself; the answer says to which address. */
export const sendLetter = (organization: string, period: Period): Promise<{ to: string }> =>
  answer(
    api.POST('/api/v1/orgs/{organization}/digests/preview/', { params: { path: { organization }, query: { period } } }),
  )

/** Whom an alert that opened now would reach. */
export const reachQuery = (organization: string, severity: Severity, unit: string) =>
  queryOptions({
    queryKey: ['telling', 'reach', organization, unit, severity],
    queryFn: ({ signal }): Promise<Reach> =>
      answer(
        api.GET('/api/v1/orgs/{organization}/alerts/reach/', {
          params: { path: { organization }, query: { severity, unit } },
          signal,
        }),
      ),
    // Quiet hours begin and end without a word from anybody.
    staleTime: 0,
  })
