import { Button, CopyButton, Modal } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { QRCodeSVG } from 'qrcode.react'
import { useState } from 'react'
import { CodeField } from '@/shared/ui/CodeField'
import { Complaint, useSecondsLeft } from '@/shared/ui/Complaint'
import { besides, Dialog, fieldError, Words } from '@/shared/ui/Dialog'
import dialogClasses from '@/shared/ui/Dialog.module.css'
import { IconCheck, IconCopy } from '@/shared/ui/icons'
import { Panel } from '@/shared/ui/Panel'
import { StatusBadge, StatusMark } from '@/shared/ui/StatusBadge'
import { Loading, Trouble } from '@/shared/ui/states'
import { toast } from '@/shared/ui/toast'
import { dayOf } from '@/shared/units'
import classes from './Account.module.css'
import { told, useProven } from './Proof'
import {
  type AppSecret,
  type Authenticator,
  activateApp,
  authenticatorsQuery,
  beginApp,
  newRecoveryCodes,
  removeApp,
  showRecoveryCodes,
} from './queries'
import { RecoveryCodes } from './RecoveryCodes'

/** The authenticator app, and the recovery codes for the day it is lost. */
export function TwoFactorPanel({ email }: { email: string }) {
  const authenticators = useQuery(authenticatorsQuery)
  const [codes, setCodes] = useState<string[] | null>(null)
  return (
    <Panel title="Two-factor sign-in" flush>
      {authenticators.isPending && <Loading rows={3} />}
      {authenticators.error && <Trouble error={authenticators.error} retry={() => void authenticators.refetch()} />}
      {authenticators.data && (
        <ul className={classes.rows}>
          <App authenticators={authenticators.data} onCodes={setCodes} />
          <Recovery authenticators={authenticators.data} onCodes={setCodes} />
        </ul>
      )}
      {codes && <RecoveryCodes codes={codes} email={email} onClose={() => setCodes(null)} />}
    </Panel>
  )
}

interface RowProps {
  authenticators: Authenticator[]
  onCodes: (codes: string[]) => void
}

function App({ authenticators, onCodes }: RowProps) {
  const client = useQueryClient()
  const proven = useProven()
  const app = authenticators.find(({ type }) => type === 'totp')
  const [removing, setRemoving] = useState(false)
  const beginning = useMutation({ mutationFn: () => proven(beginApp), gcTime: 0 })
  const activated = async () => {
    const hadCodes = authenticators.some(({ type }) => type === 'recovery_codes')
    beginning.reset()
    const codes = hadCodes ? null : await proven(showRecoveryCodes)
    if (codes) onCodes(codes)
    else toast({ tone: 'ok', title: 'Two-factor sign-in is on', seconds: 4 })
    await client.invalidateQueries(authenticatorsQuery)
  }
  return (
    <li className={classes.row}>
      <div className={classes.facts}>
        <p className={classes.name}>
          Authenticator app <StatusBadge tone={app ? 'ok' : 'no-data'}>{app ? 'On' : 'Off'}</StatusBadge>
        </p>
        <p className={classes.about}>
          {app
            ? `Signing in with your password asks for a code from it. Set up on ${dayOf(app.created_at * 1000)}${used(app)}.`
            : 'With it, a stolen password alone lets nobody in. Any app for one-time codes will do.'}
        </p>
        <Complaint error={told(beginning.error)} />
      </div>
      {app ? (
        <Button variant="default" onClick={() => setRemoving(true)}>
          Turn off
        </Button>
      ) : (
        <Button loading={beginning.isPending} onClick={() => beginning.mutate()}>
          Set up
        </Button>
      )}
      {beginning.data && !app && (
        <SetUpDialog secret={beginning.data} onDone={activated} onClose={() => beginning.reset()} />
      )}
      {removing && <RemoveDialog onClose={() => setRemoving(false)} />}
    </li>
  )
}

const used = ({ last_used_at }: { last_used_at: number | null }): string =>
  last_used_at ? `, last used on ${dayOf(last_used_at * 1000)}` : ''

interface SetUpProps {
  secret: AppSecret
  onDone: () => Promise<void>
  onClose: () => void
}

function SetUpDialog({ secret, onDone, onClose }: SetUpProps) {
  const proven = useProven()
  const [code, setCode] = useState('')
  const activating = useMutation({ mutationFn: (typed: string) => proven(() => activateApp(typed)), onSuccess: onDone })
  const error = told(activating.error)
  const waits = useSecondsLeft(error) > 0
  const activate = (typed: string) => {
    if (typed && !activating.isPending && !waits) activating.mutate(typed)
  }
  return (
    <Dialog
      title="Set up an authenticator app"
      opened
      onClose={onClose}
      onSubmit={() => activate(code)}
      submit="Turn on"
      pending={activating.isPending}
      disabled={waits}
      size="lg"
    >
      <div className={classes.qr}>
        <QRCodeSVG value={secret.url} size={176} marginSize={2} role="img" title="QR code for your authenticator app" />
        <div className={classes.beside}>
          <Words>Scan this with your app. On the same phone, copy the key into the app instead:</Words>
          <code className={classes.secret}>{(secret.secret.match(/.{1,4}/g) ?? []).join(' ')}</code>
          <CopyButton value={secret.secret} timeout={4000}>
            {({ copied, copy }) => (
              <Button
                variant="default"
                onClick={copy}
                leftSection={copied ? <IconCheck size={18} /> : <IconCopy size={18} />}
              >
                <span aria-live="polite">{copied ? 'Copied' : 'Copy key'}</span>
              </Button>
            )}
          </CopyButton>
        </div>
      </div>
      <Complaint error={besides(error, 'code')} />
      <CodeField
        label="Then type the code that the app shows"
        value={code}
        onChange={setCode}
        onComplete={activate}
        error={fieldError(error, 'code')}
      />
    </Dialog>
  )
}

function RemoveDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient()
  const proven = useProven()
  const removing = useMutation({
    mutationFn: () => proven(removeApp),
    onSuccess: async () => {
      await client.invalidateQueries(authenticatorsQuery)
      toast({ tone: 'ok', title: 'The authenticator app is off', seconds: 4 })
      onClose()
    },
  })
  return (
    <Dialog
      title="Turn off the authenticator app?"
      opened
      onClose={onClose}
      onSubmit={() => removing.mutate()}
      submit="Turn off"
      danger
      pending={removing.isPending}
      error={told(removing.error)}
    >
      <Words>Then your password alone lets somebody in. Its entry in your app can be deleted afterwards.</Words>
    </Dialog>
  )
}

const FEW = 3

function Recovery({ authenticators, onCodes }: RowProps) {
  const client = useQueryClient()
  const proven = useProven()
  const [asking, setAsking] = useState(false)
  const present = authenticators.find((each) => each.type === 'recovery_codes')
  const possible = authenticators.some(({ type }) => type !== 'recovery_codes')
  const making = useMutation({
    mutationFn: () => proven(newRecoveryCodes),
    onSuccess: async (codes) => {
      setAsking(false)
      onCodes(codes)
      await client.invalidateQueries(authenticatorsQuery)
    },
  })
  const left = present?.unused_code_count ?? 0
  return (
    <li className={classes.row}>
      <div className={classes.facts}>
        <p className={classes.name}>
          Recovery codes
          {possible && left <= FEW && (
            <StatusBadge tone="warning">{left === 0 ? 'None left' : `Only ${left} left`}</StatusBadge>
          )}
        </p>
        <p className={classes.about}>
          {possible
            ? `${left} of ${present?.total_code_count ?? 0} unused. Each lets you in once when your phone is lost.`
            : 'You get them when you set up an app or add a passkey.'}
        </p>
        {!asking && <Complaint error={told(making.error)} />}
      </div>
      {possible && (
        <Button
          variant="default"
          loading={making.isPending && !asking}
          onClick={() => (left > 0 ? setAsking(true) : making.mutate())}
        >
          New codes
        </Button>
      )}
      {asking && (
        <Modal
          opened
          onClose={() => setAsking(false)}
          title="Make new recovery codes?"
          centered
          classNames={{ title: dialogClasses.title }}
        >
          <div className={dialogClasses.form}>
            <p className={classes.warning} data-tone="warning">
              <StatusMark tone="warning" />
              The codes that you have now are void at once.
            </p>
            <Complaint error={told(making.error)} />
            <div className={dialogClasses.buttons}>
              <Button variant="default" onClick={() => setAsking(false)}>
                Cancel
              </Button>
              <Button loading={making.isPending} onClick={() => making.mutate()} data-autofocus>
                Make new codes
              </Button>
            </div>
          </div>
        </Modal>
      )}
    </li>
  )
}
