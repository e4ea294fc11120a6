import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useNow } from '@/shared/now'
import { Age } from '@/shared/ui/Age'
import { Dialog, Words } from '@/shared/ui/Dialog'
import { IconKey, IconPlus } from '@/shared/ui/icons'
import { Panel } from '@/shared/ui/Panel'
import { StatusBadge } from '@/shared/ui/StatusBadge'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { toast } from '@/shared/ui/toast'
import { dayOf } from '@/shared/units'
import classes from './Account.module.css'
import { NewTokenDialog } from './NewTokenDialog'
import { type AccessToken, revokeToken, tokensQuery } from './tokens'

/** What programs sign in with in the person's name. */
export function TokensPanel() {
  const tokens = useQuery(tokensQuery)
  const [making, setMaking] = useState(false)
  const [revoking, setRevoking] = useState<AccessToken | null>(null)
  return (
    <Panel
      title="Access tokens"
      flush
      actions={
        <Button leftSection={<IconPlus size={18} />} onClick={() => setMaking(true)}>
          New token
        </Button>
      }
    >
      {tokens.isPending && <Loading rows={3} />}
      {tokens.error && <Trouble error={tokens.error} retry={() => void tokens.refetch()} />}
      {tokens.data?.length === 0 && (
        <Empty icon={<IconKey />} title="No access tokens">
          A token lets a program of yours use the API as you, in all your organizations. Gateways use API keys of their
          organization instead.
        </Empty>
      )}
      {tokens.data && tokens.data.length > 0 && (
        <ul className={classes.rows}>
          {tokens.data.map((token) => (
            <Row key={token.id} token={token} onRevoke={() => setRevoking(token)} />
          ))}
        </ul>
      )}
      {making && <NewTokenDialog onClose={() => setMaking(false)} />}
      {revoking && <RevokeDialog token={revoking} onClose={() => setRevoking(null)} />}
    </Panel>
  )
}

function Row({ token, onRevoke }: { token: AccessToken; onRevoke: () => void }) {
  const expired = useNow((now) => token.expires_at !== null && Date.parse(token.expires_at) <= now)
  const mayWrite = token.scopes.includes('write')
  return (
    <li className={classes.row}>
      <div className={classes.facts}>
        <p className={classes.name}>
          {token.name} {expired && <StatusBadge tone="no-data">Expired</StatusBadge>}
        </p>
        <p className={classes.about}>
          {`${token.prefix}… ${mayWrite ? 'may read and change' : 'may read'}. Made on ${dayOf(token.created_at)}, `}
          {token.expires_at ? `${expired ? 'expired' : 'expires'} on ${dayOf(token.expires_at)}, ` : 'never expires, '}
          {token.last_used_at ? (
            <>
              used <Age at={token.last_used_at} />
            </>
          ) : (
            'never used'
          )}
          .
        </p>
      </div>
      <Button variant="default" aria-label={`Revoke ${token.name}`} onClick={onRevoke}>
        Revoke
      </Button>
    </li>
  )
}

function RevokeDialog({ token, onClose }: { token: AccessToken; onClose: () => void }) {
  const client = useQueryClient()
  const revoking = useMutation({
    mutationFn: () => revokeToken(token.id),
    onSuccess: async () => {
      await client.invalidateQueries(tokensQuery)
      toast({ tone: 'ok', title: 'Token revoked', seconds: 4 })
      onClose()
    },
  })
  return (
    <Dialog
      title={`Revoke ${token.name}?`}
      opened
      onClose={onClose}
      onSubmit={() => revoking.mutate()}
      submit="Revoke"
      danger
      pending={revoking.isPending}
      error={revoking.error}
    >
      <Words>Programs that use it are refused within seconds. It can't be brought back.</Words>
    </Dialog>
  )
}
