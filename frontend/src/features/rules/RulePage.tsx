import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { AlertRule } from '@/shared/api/types'
import { type Member, may, useMember } from '@/shared/member'
import { useScale } from '@/shared/preferences'
import { besides, Dialog, Refusal, Words } from '@/shared/ui/Dialog'
import { Notice } from '@/shared/ui/Notice'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { StatusBadge } from '@/shared/ui/StatusBadge'
import { SEVERITY } from '@/shared/ui/status'
import { toast } from '@/shared/ui/toast'
import { bodyOf, type Draft, draftOf, newDraft, type Wrong, wrongWith } from './draft'
import { PreviewPanel, type Trial } from './PreviewPanel'
import { changeRule, createRule, deleteRule } from './queries'
import { RuleForm } from './RuleForm'
import classes from './Rules.module.css'
import { clearWords, type Places, ruleWords, type Scope, scopeWords } from './words'

interface Props {
  /** undefined: a new one. */
  rule: AlertRule | undefined
  /** Where a new one begins to watch. */
  scope: Scope
  places: Places
  chart: (trial: Trial) => React.ReactNode
  /** It was saved, deleted or left: back to all of them. */
  onDone: () => void
}

/** Who may change it: rules that watch every site aren't for members who are restricted to some. */
function mayChange(member: Member, rule: AlertRule | undefined): boolean {
  if (!may(member, 'rules.change')) return false
  const { site, area, unit } = rule?.scope ?? {}
  return !rule || !member.sites || Boolean(site || area || unit)
}

/** One rule: what it says, and what it would have done. */
export function RulePage({ rule, scope, places, chart, onDone }: Props) {
  const member = useMember()
  const scale = useScale()
  const [before] = useState<Draft>(() => (rule ? draftOf(rule) : newDraft(scope)))
  const [draft, setDraft] = useState(before)
  const changes = mayChange(member, rule)
  return (
    <Page
      title={rule ? rule.name || ruleWords(rule, scale) : 'New rule'}
      above={
        <Link to="/o/$org/rules" params={{ org: member.organization }} className={classes.crumb}>
          Rules
        </Link>
      }
      below={rule && <Said rule={rule} places={places} />}
    >
      {rule?.is_ceiling && (
        <Notice tone="info" title="A hard limit">
          It watches the air whatever is labelled as a defrost, and no narrower rule replaces it.
        </Notice>
      )}
      <div className={classes.columns}>
        {changes ? (
          <Editor
            {...{ rule, draft, before, places, onDone }}
            onDraft={(change) => setDraft({ ...draft, ...change })}
          />
        ) : (
          rule && <ReadOnly rule={rule} places={places} />
        )}
        {may(member, 'rules.preview') && <PreviewPanel draft={draft} places={places} chart={chart} />}
      </div>
    </Page>
  )
}

function Said({ rule, places }: { rule: AlertRule; places: Places }) {
  const { tone, word } = SEVERITY[rule.severity]
  return (
    <>
      <StatusBadge tone={tone}>{word}</StatusBadge>
      <span>{scopeWords(rule.scope ?? {}, places)}</span>
      {!rule.enabled && <span>switched off</span>}
    </>
  )
}

function ReadOnly({ rule, places }: { rule: AlertRule; places: Places }) {
  const scale = useScale()
  return (
    <Panel title="What it says">
      <p className={classes.says}>{ruleWords(rule, scale)}.</p>
      <p className={classes.quiet}>{clearWords(rule, scale)}</p>
      <p className={classes.quiet}>It watches: {scopeWords(rule.scope ?? {}, places)}.</p>
      {rule.source && <p className={classes.quiet}>{rule.source}</p>}
      <p className={classes.quiet}>Your role can look. A manager can change it.</p>
    </Panel>
  )
}

interface EditorProps {
  rule: AlertRule | undefined
  draft: Draft
  before: Draft
  places: Places
  onDraft: (change: Partial<Draft>) => void
  onDone: () => void
}

function Editor({ rule, draft, before, places, onDraft, onDone }: EditorProps) {
  const { organization } = useMember()
  const client = useQueryClient()
  const [tried, setTried] = useState(false)
  const [deleting, setDeleting] = useState(false)
  const wrong: Wrong = wrongWith(draft)
  const refetch = () =>
    Promise.all([
      client.invalidateQueries({ queryKey: ['alert-rules', organization] }),
      client.invalidateQueries({ queryKey: ['unit-rules', organization] }),
    ])
  const saving = useMutation({
    mutationFn: () =>
      rule ? changeRule(organization, rule.id, differing(before, draft)) : createRule(organization, bodyOf(draft)),
    onSuccess: async () => {
      toast({ tone: 'ok', title: rule ? 'Rule saved' : 'Rule made', seconds: 4 })
      await refetch()
      onDone()
    },
  })
  const same = rule !== undefined && JSON.stringify(before) === JSON.stringify(draft)
  const fields = [
    'name',
    'metric',
    'condition',
    'threshold',
    'delay_s',
    'hysteresis',
    'clear_delay_s',
    'schedule',
    'scope',
  ]
  return (
    <Panel title={rule ? 'What it says' : 'What it is to say'}>
      <form
        noValidate
        className={classes.fields}
        onSubmit={(event) => {
          event.preventDefault()
          setTried(true)
          if (Object.keys(wrong).length === 0 && !saving.isPending) saving.mutate()
        }}
      >
        <RuleForm
          {...{ draft, onDraft, places }}
          wrong={tried ? wrong : {}}
          error={saving.error}
          formKey={rule?.id ?? 'new'}
        />
        {rule?.source && <p className={classes.quiet}>Where its numbers came from: {rule.source}.</p>}
        <Refusal error={besides(saving.error, ...fields)} />
        <div className={classes.buttons}>
          <Button type="submit" loading={saving.isPending} disabled={same}>
            {rule ? 'Save' : 'Make rule'}
          </Button>
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          {rule && (
            <Button variant="subtle" color="danger" onClick={() => setDeleting(true)}>
              Delete
            </Button>
          )}
        </div>
      </form>
      {deleting && rule && (
        <DeleteDialog
          rule={rule}
          onClose={() => setDeleting(false)}
          onDeleted={async () => {
            await refetch()
            onDone()
          }}
        />
      )}
    </Panel>
  )
}

/** Only what was changed is sent: a rule that says the same as before isn't a new one. */
function differing(before: Draft, after: Draft) {
  const [one, other] = [bodyOf(before), bodyOf(after)]
  const names = Object.keys(other) as (keyof typeof other)[]
  const changed = names.filter((name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]))
  return Object.fromEntries(changed.map((name) => [name, other[name]]))
}

interface DeleteProps {
  rule: AlertRule
  onClose: () => void
  onDeleted: () => Promise<void>
}

function DeleteDialog({ rule, onClose, onDeleted }: DeleteProps) {
  const { organization } = useMember()
  const scale = useScale()
  const deleting = useMutation({
    mutationFn: () => deleteRule(organization, rule.id),
    onSuccess: async () => {
      toast({ tone: 'ok', title: 'Rule deleted', seconds: 4 })
      onClose()
      await onDeleted()
    },
  })
  return (
    <Dialog
      title="Delete this rule?"
      opened
      onClose={onClose}
      onSubmit={() => deleting.mutate()}
      submit="Delete rule"
      pending={deleting.isPending}
      error={deleting.error}
      danger
    >
      <Words>
        Nobody is told any more of “{ruleWords(rule, scale)}”. Alerts that it opened stay. A wider rule of the same kind
        and severity, if there is one, watches instead.
      </Words>
    </Dialog>
  )
}
