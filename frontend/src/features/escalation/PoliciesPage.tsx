import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Colleague } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { IconChevronRight, IconEscalate } from '@/shared/ui/icons'
import { Notice } from '@/shared/ui/Notice'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import classes from './Policies.module.css'
import { type Policy, policiesQuery } from './queries'
import { usePeople } from './usePeople'
import { HOURS, inOrder, type People, type Places, SEVERITIES, scopeWords, summaryWords } from './words'

interface Props {
  places: Places
  colleagues: Colleague[]
}

/** Whom to call, in which order, until somebody answers: every policy, as they are gone through. */
export function PoliciesPage({ places, colleagues }: Props) {
  const member = useMember()
  const policies = useQuery(policiesQuery(member.organization))
  const people = usePeople(colleagues)
  const ordered = inOrder(policies.data ?? [])
  const isOff = ordered.length > 0 && ordered.every(({ enabled }) => !enabled)
  return (
    <Page
      title="Escalation"
      above={member.organizationName}
      below="Who is told of an alert, and who after them, until somebody answers. Of several policies that fit, the first in this list holds."
      actions={may(member, 'escalation.change') && ordered.length > 0 && <NewButton />}
    >
      {isOff && (
        <Notice tone="warning" title="No policy is switched on">
          Managers are told when an alert opens, and reminded until somebody answers. Nobody else is called.
        </Notice>
      )}
      <Panel flush>
        {policies.isPending && <Loading rows={4} />}
        {policies.error && !policies.data && <Trouble error={policies.error} retry={() => void policies.refetch()} />}
        {policies.data && ordered.length === 0 && <None mayChange={may(member, 'escalation.change')} />}
        {ordered.length > 0 && (
          <ol className={classes.list}>
            {ordered.map((policy) => (
              <Row key={policy.id} {...{ policy, places, people }} />
            ))}
          </ol>
        )}
      </Panel>
    </Page>
  )
}

function NewButton() {
  const { organization } = useMember()
  return (
    <Button renderRoot={(props) => <Link {...props} to="/o/$org/escalation/new" params={{ org: organization }} />}>
      New policy
    </Button>
  )
}

function None({ mayChange }: { mayChange: boolean }) {
  return (
    <Empty icon={<IconEscalate />} title="There is no escalation policy">
      <p className={classes.words}>
        Without one, managers are told when an alert opens and reminded until somebody answers. Nobody else is called,
        however long that takes. A policy says who comes next.
      </p>
      {mayChange && <NewButton />}
    </Empty>
  )
}

function Row({ policy, places, people }: { policy: Policy; places: Places; people: People }) {
  const { organization } = useMember()
  const { id, name, scope, severity, hours, enabled, is_default } = policy
  const facts = [
    scopeWords(scope, places),
    SEVERITIES[severity],
    hours !== 'always' && HOURS[hours],
    is_default && 'default',
    !enabled && 'switched off',
  ]
  return (
    <li className={classes.row} data-off={!enabled || undefined}>
      <div className={classes.what}>
        <Link to="/o/$org/escalation/$policy" params={{ org: organization, policy: id }} className={classes.link}>
          {name}
        </Link>
        <span>{summaryWords(policy, people)}</span>
        <span className={classes.small}>{facts.filter(Boolean).join(' · ')}</span>
      </div>
      <span className={classes.arrow}>
        <IconChevronRight size={18} />
      </span>
    </li>
  )
}
