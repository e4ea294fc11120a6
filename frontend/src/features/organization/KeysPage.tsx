import { Button, Switch } from '@mantine/core'
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { ApiKey } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { useNow } from '@/shared/now'
import { Age } from '@/shared/ui/Age'
import { Dialog, Words } from '@/shared/ui/Dialog'
import { IconKey } from '@/shared/ui/icons'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { StatusBadge } from '@/shared/ui/StatusBadge'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import type { Tone } from '@/shared/ui/status'
import { toast } from '@/shared/ui/toast'
import { dayOf, moment } from '@/shared/units'
import { type KeyState, keysKey, keysQuery, revokeKey, stateOf } from './keys'
import { NewKeyDialog } from './NewKeyDialog'
import classes from './Table.module.css'

export interface KeyFilters {
  revoked?: boolean
}

interface Props {
  filters: KeyFilters
  onFilters: (filters: KeyFilters) => void
}

const STATE: Record<KeyState, { tone: Tone; word: string }> = {
  active: { tone: 'ok', word: 'Active' },
  expired: { tone: 'warning', word: 'Expired' },
  revoked: { tone: 'no-data', word: 'Revoked' },
}

/** The keys of gateways and integrations, never their secrets. */
export function KeysPage({ filters, onFilters }: Props) {
  const member = useMember()
  const { organization, organizationName } = member
  const past = filters.revoked === true
  const keys = useInfiniteQuery(keysQuery(organization, past))
  const [making, setMaking] = useState(false)
  const [revoking, setRevoking] = useState<ApiKey | null>(null)
  const shown = keys.data?.pages.flatMap((page) => page.results)
  const changes = may(member, 'keys.change')
  return (
    <Page
      title="API keys"
      above={organizationName}
      below="Gateways and integrations send readings with a key. It can do nothing else."
      actions={changes && <Button onClick={() => setMaking(true)}>Create API key</Button>}
    >
      <Switch
        label="Show revoked keys"
        checked={past}
        onChange={(event) => onFilters({ revoked: event.currentTarget.checked || undefined })}
      />
      <Panel title={past ? 'Revoked keys' : 'Keys'} flush>
        {keys.isPending && <Loading rows={3} />}
        {keys.error && !shown && <Trouble error={keys.error} retry={() => void keys.refetch()} />}
        {shown?.length === 0 && (
          <Empty icon={<IconKey />} title={past ? 'No key was revoked' : 'There is no API key yet'}>
            {!past && 'Create one for each gateway: then one can be revoked without silencing the others.'}
          </Empty>
        )}
        {shown && shown.length > 0 && <Keys keys={shown} onRevoke={changes && !past ? setRevoking : null} />}
        {keys.hasNextPage && (
          <div className={classes.more}>
            <Button variant="subtle" loading={keys.isFetchingNextPage} onClick={() => void keys.fetchNextPage()}>
              Show more
            </Button>
          </div>
        )}
      </Panel>
      {making && <NewKeyDialog onClose={() => setMaking(false)} />}
      {revoking && <RevokeKeyDialog apiKey={revoking} onClose={() => setRevoking(null)} />}
    </Page>
  )
}

function Keys({ keys, onRevoke }: { keys: ApiKey[]; onRevoke: ((key: ApiKey) => void) | null }) {
  return (
    <table className={classes.table}>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Begins with</th>
          <th scope="col">State</th>
          <th scope="col">Last used</th>
          <th scope="col">{onRevoke ? 'Expires' : 'Revoked'}</th>
          <th scope="col">
            <span className="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {keys.map((key) => (
          <KeyRow key={key.id} apiKey={key} onRevoke={onRevoke} />
        ))}
      </tbody>
    </table>
  )
}

function KeyRow({ apiKey, onRevoke }: { apiKey: ApiKey; onRevoke: ((key: ApiKey) => void) | null }) {
  const state = useNow((now) => stateOf(apiKey, now))
  const { created_by: by } = apiKey
  return (
    <tr data-over={state !== 'active' || undefined}>
      <th scope="row" className={classes.who}>
        <span>{apiKey.name}</span>
        <span className={classes.small}>
          {by ? `by ${by.name || by.email}, ` : ''}
          {dayOf(apiKey.created_at)}
        </span>
      </th>
      <td data-label="Begins with">
        <code>{apiKey.prefix}…</code>
      </td>
      <td data-label="State">
        <StatusBadge tone={STATE[state].tone} quiet>
          {STATE[state].word}
        </StatusBadge>
      </td>
      <td data-label="Last used">
        <Age at={apiKey.last_used_at} />
      </td>
      {apiKey.revoked_at ? (
        <td data-label="Revoked" className="numbers">
          {moment(apiKey.revoked_at)}
        </td>
      ) : (
        <td data-label="Expires" className="numbers">
          {apiKey.expires_at ? dayOf(apiKey.expires_at) : 'never'}
        </td>
      )}
      <td className={classes.actions}>
        {onRevoke && (
          <Button variant="subtle" color="danger" onClick={() => onRevoke(apiKey)} aria-label={`Revoke ${apiKey.name}`}>
            Revoke
          </Button>
        )}
      </td>
    </tr>
  )
}

function RevokeKeyDialog({ apiKey, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  const { organization } = useMember()
  const client = useQueryClient()
  const revoking = useMutation({
    mutationFn: () => revokeKey(organization, apiKey.id),
    onSuccess: async () => {
      toast({ tone: 'ok', title: `${apiKey.name} was revoked`, seconds: 4 })
      onClose()
      await client.invalidateQueries({ queryKey: keysKey(organization) })
    },
  })
  return (
    <Dialog
      title={`Revoke ${apiKey.name}?`}
      opened
      onClose={onClose}
      onSubmit={() => revoking.mutate()}
      submit="Revoke"
      pending={revoking.isPending}
      danger
      error={revoking.error}
    >
      <Words>
        Whatever sends with this key is refused within seconds, and its units will have no data. This can't be undone:
        give it a new key first if it should go on.
      </Words>
    </Dialog>
  )
}
