import { Button, Select, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import type { Me } from '@/shared/api/types'
import { Complaint } from '@/shared/ui/Complaint'
import { besides, fieldError } from '@/shared/ui/Dialog'
import { Panel } from '@/shared/ui/Panel'
import { toast } from '@/shared/ui/toast'
import classes from './Account.module.css'
import { changeMe } from './queries'

/** Name and time zone. */
export function ProfilePanel({ me }: { me: Me }) {
  const client = useQueryClient()
  const [name, setName] = useState(me.name ?? '')
  const [zone, setZone] = useState(me.time_zone ?? 'UTC')
  const zones = useMemo(
    () =>
      [...new Set(['UTC', ...Intl.supportedValuesOf('timeZone'), me.time_zone ?? 'UTC'])]
        .sort()
        .map((value) => ({ value, label: value.replaceAll('_', ' ') })),
    [me.time_zone],
  )
  const saving = useMutation({
    mutationFn: () => changeMe({ name: name.trim(), time_zone: zone }),
    onSuccess: (changed) => {
      client.setQueryData(['me'], changed)
      toast({ tone: 'ok', title: 'Profile saved', seconds: 4 })
    },
  })
  return (
    <Panel title="Profile">
      <form
        noValidate
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault()
          if (!saving.isPending) saving.mutate()
        }}
      >
        <TextInput
          label="Name"
          description="Your colleagues see it beside what you did."
          autoComplete="name"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={fieldError(saving.error, 'name')}
          maxLength={150}
        />
        <Select
          label="Time zone"
          description="For messages to you. What happens at a site is told in the site's own time."
          size="md"
          data={zones}
          value={zone}
          onChange={(value) => value && setZone(value)}
          error={fieldError(saving.error, 'time_zone')}
          searchable
          limit={80}
          allowDeselect={false}
          nothingFoundMessage="No such time zone. Try the next big city."
          checkIconPosition="right"
        />
        <Complaint error={besides(saving.error, 'name', 'time_zone')} />
        <Button type="submit" loading={saving.isPending}>
          Save
        </Button>
      </form>
    </Panel>
  )
}
