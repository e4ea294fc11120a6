import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Problem } from '@/shared/api/client'
import type { Organization } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { besides, fieldError, Refusal } from '@/shared/ui/Dialog'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { StatusMark } from '@/shared/ui/StatusBadge'
import { Loading, Trouble } from '@/shared/ui/states'
import { toast } from '@/shared/ui/toast'
import { duration } from '@/shared/units'
import { DangerZone } from './DangerZone'
import { DeletedOrganizations } from './DeletedOrganizations'
import classes from './Form.module.css'
import { changeOrganization, type OrganizationFacts, organizationQuery, refetchMe } from './queries'
import { SlugField } from './SlugField'
import { ZoneSelect } from './ZoneSelect'

interface Props {
  /** The organization has another address now. */
  onMoved: (slug: string) => void
  /** The person isn't in this organization any more. */
  onGone: () => void
}

/** What the organization is called, where its invoices go, and the ways out of it. */
export function SettingsPage({ onMoved, onGone }: Props) {
  const member = useMember()
  const asked = useQuery(organizationQuery(member.organization))
  return (
    <Page title="Settings" above={member.organizationName}>
      <Panel title="Organization">
        {asked.isPending && <Loading rows={5} height={36} />}
        {asked.error && !asked.data && <Trouble error={asked.error} retry={() => void asked.refetch()} />}
        {asked.data && <Facts key={asked.data.id} organization={asked.data} onMoved={onMoved} />}
      </Panel>
      <DangerZone onGone={onGone} />
      {may(member, 'organization.delete') && <DeletedOrganizations />}
    </Page>
  )
}

function factsOf(organization: Organization): OrganizationFacts {
  const { name, slug, timezone, email, acknowledgement_minutes } = organization
  return { name, slug, timezone, email: email ?? '', acknowledgement_minutes: acknowledgement_minutes ?? 0 }
}

const HOLDS = [30, 60, 120, 240, 480, 1440]

/** How long an acknowledgement may hold; with the organization's own length, however odd. */
function holdOptions(own: number): { value: string; label: string }[] {
  const lengths = [...new Set([...HOLDS, ...(own > 0 ? [own] : [])])].sort((a, b) => a - b)
  return [
    ...lengths.map((minutes) => ({ value: String(minutes), label: `After ${duration(minutes * 60_000)}` })),
    { value: '0', label: 'Never' },
  ]
}

/** Only what was changed is sent: somebody else may be changing the rest. */
function difference(before: OrganizationFacts, after: OrganizationFacts): Partial<OrganizationFacts> {
  const names = Object.keys(before) as (keyof OrganizationFacts)[]
  return Object.fromEntries(names.filter((name) => before[name] !== after[name]).map((name) => [name, after[name]]))
}

function Facts({ organization, onMoved }: { organization: Organization; onMoved: Props['onMoved'] }) {
  const client = useQueryClient()
  const before = factsOf(organization)
  const [typed, setTyped] = useState<Partial<OrganizationFacts>>({})
  const facts = { ...before, ...typed }
  const trimmed = { ...facts, name: facts.name.trim(), email: facts.email.trim() }
  const changed = difference(before, trimmed)
  const set = (change: Partial<OrganizationFacts>) => setTyped({ ...typed, ...change })
  const saving = useMutation({
    mutationFn: () => changeOrganization(organization.slug, changed),
    onSuccess: async (saved) => {
      client.setQueryData(organizationQuery(saved.slug).queryKey, saved)
      setTyped({})
      toast({ tone: 'ok', title: 'Settings saved', seconds: 4 })
      await refetchMe(client)
      if (saved.slug !== organization.slug) onMoved(saved.slug)
    },
  })
  const taken = saving.error instanceof Problem && saving.error.code === 'slug_taken' ? saving.error : null
  const nothing = Object.keys(changed).length === 0
  return (
    <form
      noValidate
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault()
        if (!nothing && !saving.isPending) saving.mutate()
      }}
    >
      <TextInput
        label="Name"
        value={facts.name}
        onChange={(event) => set({ name: event.currentTarget.value })}
        error={trimmed.name === '' ? 'Give it a name.' : fieldError(saving.error, 'name')}
        maxLength={120}
      />
      <SlugField
        value={facts.slug}
        onChange={(slug) => set({ slug })}
        description="The name in links to FreshTrack."
        error={taken?.message ?? fieldError(saving.error, 'slug')}
      />
      {changed.slug !== undefined && (
        <p className={classes.warning} data-tone="warning" role="status">
          <StatusMark tone="warning" />
          <span>
            Every link changes. Old links lead to the new address, for people and for the API, and nobody else can take
            the old one.
          </span>
        </p>
      )}
      <ZoneSelect
        value={facts.timezone}
        onChange={(timezone) => set({ timezone })}
        error={fieldError(saving.error, 'timezone')}
      />
      <NativeSelect
        label="An acknowledged alert that lasts is open again"
        description="Somebody who took charge may have been called away: everybody is told again."
        size="md"
        value={String(facts.acknowledgement_minutes)}
        onChange={(event) => set({ acknowledgement_minutes: Number(event.currentTarget.value) })}
        error={fieldError(saving.error, 'acknowledgement_minutes')}
        data={holdOptions(before.acknowledgement_minutes)}
      />
      <TextInput
        label="E-mail for invoices"
        type="email"
        value={facts.email}
        onChange={(event) => set({ email: event.currentTarget.value })}
        error={fieldError(saving.error, 'email')}
        maxLength={254}
      />
      <Refusal
        error={taken ? null : besides(saving.error, 'name', 'slug', 'timezone', 'email', 'acknowledgement_minutes')}
      />
      <Button type="submit" loading={saving.isPending} disabled={nothing || trimmed.name === ''}>
        Save
      </Button>
    </form>
  )
}
