import { Button, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Problem } from '@/shared/api/client'
import { besides, fieldError, Refusal } from '@/shared/ui/Dialog'
import classes from './Form.module.css'
import { createOrganization, refetchMe } from './queries'
import { SlugField } from './SlugField'
import { slugOf } from './slugs'
import { ZoneSelect } from './ZoneSelect'
import { ownZone } from './zones'

/** Asks for a name, an address and a time zone; `onCreated` goes to the new organization. */
export function NewOrganizationForm({ onCreated }: { onCreated: (slug: string) => void }) {
  const client = useQueryClient()
  const [name, setName] = useState('')
  const [edited, setEdited] = useState<string | null>(null)
  const [timezone, setTimezone] = useState(ownZone)
  const [missing, setMissing] = useState(false)
  const slug = edited ?? slugOf(name)
  const creating = useMutation({
    // An address that nobody typed is the server's to choose: it knows which are free.
    mutationFn: () => createOrganization({ name: name.trim(), timezone, ...(edited ? { slug: edited } : {}) }),
    onSuccess: async (made) => {
      await refetchMe(client)
      onCreated(made.slug)
    },
  })
  const taken = creating.error instanceof Problem && creating.error.code === 'slug_taken' ? creating.error : null
  return (
    <form
      noValidate
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault()
        const empty = name.trim() === ''
        setMissing(empty)
        if (!empty && !creating.isPending) creating.mutate()
      }}
    >
      <TextInput
        label="Name"
        description="As your staff know it. It is on every page and in every e-mail."
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        error={missing && name.trim() === '' ? 'Give it a name.' : fieldError(creating.error, 'name')}
        maxLength={120}
        autoComplete="organization"
        required
        withAsterisk={false}
        autoFocus
      />
      <SlugField
        value={slug}
        onChange={setEdited}
        description={
          edited === null ? 'Made of the name; a number is added if it is taken.' : 'You can change it later.'
        }
        error={taken?.message ?? fieldError(creating.error, 'slug')}
      />
      <ZoneSelect value={timezone} onChange={setTimezone} error={fieldError(creating.error, 'timezone')} />
      <Refusal error={taken ? null : besides(creating.error, 'name', 'slug', 'timezone')} />
      <Button type="submit" size="md" loading={creating.isPending}>
        Create organization
      </Button>
    </form>
  )
}
