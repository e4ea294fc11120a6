import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useMember } from '@/shared/member'
import { besides, Dialog, Refusal, Words } from '@/shared/ui/Dialog'
import { Panel } from '@/shared/ui/Panel'
import { toast } from '@/shared/ui/toast'
import { bodyOf, canBeSaved, type Draft, differing, type Wrong, wrongWith } from './draft'
import classes from './Policy.module.css'
import { PolicyForm } from './PolicyForm'
import { changePolicy, createPolicy, deletePolicy, type Policy } from './queries'
import type { People, Places } from './words'

interface Props {
  /** undefined: a new one. */
  policy: Policy | undefined
  draft: Draft
  before: Draft
  places: Places
  people: People
  onDraft: (change: Partial<Draft>) => void
  onDone: () => void
}

const NOTHING_WRONG: Wrong = { steps: {} }
const FIELDS = ['name', 'scope', 'severity', 'hours', 'steps', 'repeat_s', 'enabled']

/** Writes a policy, saves it, and deletes it after a question. */
export function PolicyEditor({ policy, draft, before, places, people, onDraft, onDone }: Props) {
  const { organization } = useMember()
  const client = useQueryClient()
  const [tried, setTried] = useState(false)
  const [deleting, setDeleting] = useState(false)
  // What the server says of a step goes by its place when it was sent; it may stand elsewhere by now.
  const [sent, setSent] = useState<number[]>([])
  const wrong = wrongWith(draft)
  const refetch = () => client.invalidateQueries({ queryKey: ['escalation', organization] })
  const saving = useMutation({
    mutationFn: () =>
      policy
        ? changePolicy(organization, policy.id, differing(before, draft))
        : createPolicy(organization, bodyOf(draft)),
    onSuccess: async () => {
      toast({ tone: 'ok', title: policy ? 'Policy saved' : 'Policy made', seconds: 4 })
      await refetch()
      onDone()
    },
  })
  const same = policy !== undefined && Object.keys(differing(before, draft)).length === 0
  return (
    <Panel title={policy ? 'What it says' : 'What it is to say'}>
      <form
        noValidate
        className={classes.fields}
        onSubmit={(event) => {
          event.preventDefault()
          setTried(true)
          if (!canBeSaved(wrong) || saving.isPending) return
          setSent(draft.steps.map(({ key }) => key))
          saving.mutate()
        }}
      >
        <PolicyForm
          {...{ draft, onDraft, places, people, sent }}
          wrong={tried ? wrong : NOTHING_WRONG}
          error={saving.error}
        />
        <Refusal error={besides(saving.error, ...FIELDS)} />
        {tried && !canBeSaved(wrong) && (
          <p role="status" className={classes.missing}>
            Something above is missing.
          </p>
        )}
        <div className={classes.buttons}>
          <Button type="submit" loading={saving.isPending} disabled={same}>
            {policy ? 'Save' : 'Make policy'}
          </Button>
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          {policy && (
            <Button variant="subtle" color="danger" onClick={() => setDeleting(true)}>
              Delete
            </Button>
          )}
        </div>
      </form>
      {deleting && policy && (
        <DeleteDialog
          policy={policy}
          onClose={() => setDeleting(false)}
          onDeleted={async () => {
            onDone()
            await refetch()
          }}
        />
      )}
    </Panel>
  )
}

interface DeleteProps {
  policy: Policy
  onClose: () => void
  onDeleted: () => Promise<void>
}

function DeleteDialog({ policy, onClose, onDeleted }: DeleteProps) {
  const { organization } = useMember()
  const deleting = useMutation({
    mutationFn: () => deletePolicy(organization, policy.id),
    onSuccess: async () => {
      toast({ tone: 'ok', title: 'Policy deleted', seconds: 4 })
      onClose()
      await onDeleted()
    },
  })
  return (
    <Dialog
      title="Delete this policy?"
      opened
      onClose={onClose}
      onSubmit={() => deleting.mutate()}
      submit="Delete policy"
      pending={deleting.isPending}
      error={deleting.error}
      danger
    >
      <Words>
        Alerts that opened with “{policy.name}” still follow it. New ones go by the next policy that fits; without any,
        managers are told and reminded.
      </Words>
    </Dialog>
  )
}
