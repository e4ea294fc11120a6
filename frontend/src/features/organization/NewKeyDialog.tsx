import { Button, CopyButton, Modal, NativeSelect, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { NewApiKey } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { besides, Dialog, fieldError, Words } from '@/shared/ui/Dialog'
import dialogClasses from '@/shared/ui/Dialog.module.css'
import { IconCheck, IconCopy } from '@/shared/ui/icons'
import { createKey, keysKey } from './keys'
import classes from './NewKeyDialog.module.css'

const DAY = 86_400_000
const LIVES = [
  { value: '', label: 'Never' },
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In a year' },
]

/** Makes a key, then shows its secret this once. */
export function NewKeyDialog({ onClose }: { onClose: () => void }) {
  const { organization } = useMember()
  const client = useQueryClient()
  const [name, setName] = useState('')
  const [days, setDays] = useState('')
  const [tried, setTried] = useState(false)
  const making = useMutation({
    mutationFn: () =>
      createKey(organization, name.trim(), days ? new Date(Date.now() + Number(days) * DAY).toISOString() : null),
    onSuccess: () => client.invalidateQueries({ queryKey: keysKey(organization) }),
    // The secret is gone with the dialog.
    gcTime: 0,
  })
  if (making.data) return <Secret made={making.data} onClose={onClose} />
  const missing = name.trim() === ''
  return (
    <Dialog
      title="Create API key"
      opened
      onClose={onClose}
      onSubmit={() => {
        setTried(true)
        if (!missing) making.mutate()
      }}
      submit="Create"
      pending={making.isPending}
      error={besides(making.error, 'name', 'expires_at')}
    >
      <TextInput
        label="Name"
        description="Where it will be used. Everybody who looks after keys sees it."
        placeholder="Gateway, Harbour Street"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        error={tried && missing ? 'Give it a name.' : fieldError(making.error, 'name')}
        maxLength={120}
        autoComplete="off"
        data-autofocus
      />
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

/** One reading, now, of a sensor that needn't be known yet: it appears among the unclaimed ones. */
function example(key: string, now: Date): string {
  const reading = { sensor: 'MY-SENSOR', recorded_at: `${now.toISOString().slice(0, 19)}Z`, temperature: 4.2 }
  return [
    `curl ${window.location.origin}/api/v1/ingest/readings \\`,
    `  -H 'Authorization: Bearer ${key}' \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '${JSON.stringify({ readings: [reading] })}'`,
  ].join('\n')
}

function Secret({ made, onClose }: { made: NewApiKey; onClose: () => void }) {
  const [curl] = useState(() => example(made.key, new Date()))
  return (
    <Modal
      opened
      onClose={onClose}
      title={`The key of ${made.name}`}
      size="lg"
      centered
      // A slip beside the dialog must not lose what can't be shown again.
      closeOnClickOutside={false}
      closeOnEscape={false}
      withCloseButton={false}
      classNames={{ title: dialogClasses.title }}
    >
      <div className={dialogClasses.form}>
        <Words>Copy it now. It is shown this once; we keep only a fingerprint of it.</Words>
        <Copied label="Key" text={made.key} copy="Copy key" />
        <Copied label="Try it with a first reading" text={curl} copy="Copy command" />
        <div className={dialogClasses.buttons}>
          <Button onClick={onClose}>I have copied it</Button>
        </div>
      </div>
    </Modal>
  )
}

function Copied({ label, text, copy }: { label: string; text: string; copy: string }) {
  return (
    <section className={classes.copied} aria-label={label}>
      <header className={classes.head}>
        <h3 className={classes.label}>{label}</h3>
        <CopyButton value={text} timeout={4000}>
          {({ copied, copy: act }) => (
            <Button
              variant="default"
              className={classes.copy}
              aria-label={copied ? 'Copied' : copy}
              onClick={act}
              leftSection={copied ? <IconCheck size={18} /> : <IconCopy size={18} />}
            >
              {copied ? 'Copied' : 'Copy'}
            </Button>
          )}
        </CopyButton>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long lines scroll, by keyboard too */}
      <pre className={classes.text} tabIndex={0}>
        {text}
      </pre>
    </section>
  )
}
