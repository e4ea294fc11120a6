import { Button, CopyButton, Modal, NativeSelect, Radio, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { besides, Dialog, fieldError, Words } from '@/shared/ui/Dialog'
import dialogClasses from '@/shared/ui/Dialog.module.css'
import { IconCheck, IconCopy } from '@/shared/ui/icons'
import { StatusMark } from '@/shared/ui/StatusBadge'
import classes from './Account.module.css'
import { makeToken, type NewAccessToken, tokensQuery } from './tokens'

const DAY = 86_400_000
const LIVES = [
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In a year' },
  { value: '', label: 'Never' },
]

/** Makes a token, then shows its secret this once. */
export function NewTokenDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient()
  const [name, setName] = useState('')
  const [writes, setWrites] = useState('read')
  const [days, setDays] = useState('90')
  const [tried, setTried] = useState(false)
  const making = useMutation({
    mutationFn: () =>
      makeToken({
        name: name.trim(),
        scopes: writes === 'write' ? ['read', 'write'] : ['read'],
        expires_at: days ? new Date(Date.now() + Number(days) * DAY).toISOString() : null,
      }),
    onSuccess: () => client.invalidateQueries(tokensQuery),
    // The secret is gone with the dialog.
    gcTime: 0,
  })
  if (making.data) return <Secret made={making.data} onClose={onClose} />
  const missing = name.trim() === ''
  return (
    <Dialog
      title="New access token"
      opened
      onClose={onClose}
      onSubmit={() => {
        setTried(true)
        if (!missing) making.mutate()
      }}
      submit="Create token"
      pending={making.isPending}
      error={besides(making.error, 'name', 'scopes', 'expires_at')}
    >
      <TextInput
        label="Name"
        description="Where you will use it, so that you know which one to revoke."
        placeholder="Spreadsheet of the weekly report"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        error={tried && missing ? 'Give it a name.' : fieldError(making.error, 'name')}
        maxLength={120}
        autoComplete="off"
        data-autofocus
      />
      <Radio.Group label="It may" value={writes} onChange={setWrites} error={fieldError(making.error, 'scopes')}>
        <div className={classes.choices}>
          <Radio value="read" label="Only read" description="See what you see, change nothing." />
          <Radio value="write" label="Read and change" description="Do everything that you may do yourself." />
        </div>
      </Radio.Group>
      <NativeSelect
        label="Expires"
        size="md"
        value={days}
        onChange={(event) => setDays(event.currentTarget.value)}
        data={LIVES}
        error={fieldError(making.error, 'expires_at')}
      />
    </Dialog>
  )
}

function Secret({ made, onClose }: { made: NewAccessToken; onClose: () => void }) {
  return (
    <Modal
      opened
      onClose={onClose}
      title={`The token ${made.name}`}
      centered
      // A slip beside the dialog must not lose what can't be shown again.
      closeOnClickOutside={false}
      closeOnEscape={false}
      withCloseButton={false}
      classNames={{ title: dialogClasses.title }}
    >
      <div className={dialogClasses.form}>
        <p className={classes.warning} data-tone="warning">
          <StatusMark tone="warning" />
          Copy it now. It is shown this once; we keep only a fingerprint of it.
        </p>
        <code className={classes.box}>{made.token}</code>
        <Words>Whoever has it can do what it may in your name. Keep it like a password.</Words>
        <div className={dialogClasses.buttons}>
          <CopyButton value={made.token} timeout={4000}>
            {({ copied, copy }) => (
              <Button
                variant="default"
                onClick={copy}
                leftSection={copied ? <IconCheck size={18} /> : <IconCopy size={18} />}
                data-autofocus
              >
                <span aria-live="polite">{copied ? 'Copied' : 'Copy token'}</span>
              </Button>
            )}
          </CopyButton>
          <Button onClick={onClose}>I have copied it</Button>
        </div>
      </div>
    </Modal>
  )
}
