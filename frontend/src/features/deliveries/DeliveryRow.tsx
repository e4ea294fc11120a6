import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { Delivery, DeliveryAttempt } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { Age } from '@/shared/ui/Age'
import { DataList } from '@/shared/ui/DataList'
import { Refusal } from '@/shared/ui/Dialog'
import { IconChevronRight } from '@/shared/ui/icons'
import { StatusBadge, StatusMark } from '@/shared/ui/StatusBadge'
import { Loading, Trouble } from '@/shared/ui/states'
import { SEVERITY } from '@/shared/ui/status'
import { toast } from '@/shared/ui/toast'
import { clock, dayOf } from '@/shared/units'
import classes from './Deliveries.module.css'
import { attemptsQuery, deliveriesKey, resend } from './queries'
import {
  aboutOf,
  aboutWords,
  MAYBE_TWICE,
  mayBeSentAgain,
  OUTCOMES,
  STATUSES,
  titleOf,
  tookWords,
  toWords,
} from './words'

/** One message in a line; opened, every try to hand it over and what can be done. */
export function DeliveryRow({ delivery }: { delivery: Delivery }) {
  const [open, setOpen] = useState(false)
  const status = STATUSES[delivery.status]
  const severity = SEVERITY[delivery.severity]
  return (
    <li className={classes.item}>
      <details open={open} onToggle={(toggled) => setOpen(toggled.currentTarget.open)} className={classes.details}>
        <summary className={classes.row}>
          <span className={classes.what}>
            <strong>{titleOf(delivery)}</strong>
            <span className={classes.small}>
              {[toWords(delivery), aboutWords(delivery), delivery.maybe_twice && 'maybe twice']
                .filter(Boolean)
                .join(' · ')}
            </span>
          </span>
          <span className={classes.severity}>
            <StatusMark tone={severity.tone} size={14} />
            {severity.word}
          </span>
          <span className={classes.state}>
            <StatusBadge tone={status.tone}>{status.word}</StatusBadge>
          </span>
          <span className={classes.when}>
            <Age at={delivery.created_at} />
          </span>
          <span className={classes.arrow}>
            <IconChevronRight size={18} />
          </span>
        </summary>
        {open && <Details delivery={delivery} />}
      </details>
    </li>
  )
}

function Details({ delivery }: { delivery: Delivery }) {
  const member = useMember()
  const { status, summary } = delivery
  const waits = status === 'promised' || status === 'failed'
  return (
    <div className={classes.opened}>
      <p className={classes.meaning}>
        {summary ? `It was put into a summary with others. ${STATUSES[status].meaning}` : STATUSES[status].meaning}
      </p>
      {delivery.maybe_twice && (
        <p className={classes.twice}>
          <StatusMark tone="warning" />
          {MAYBE_TWICE}
        </p>
      )}
      {mayBeSentAgain(delivery) && may(member, 'notifications.resend') && <ResendButton delivery={delivery} />}
      <DataList
        facts={[
          { term: 'About', value: <About delivery={delivery} /> },
          { term: 'Promised', value: whole(delivery.created_at) },
          waits && !summary && { term: 'Next try', value: whole(delivery.next_attempt_at) },
          delivery.sent_at !== null && { term: 'Sent', value: whole(delivery.sent_at) },
          delivery.delivered_at !== null && { term: 'Arrived', value: whole(delivery.delivered_at) },
          delivery.last_error !== '' && { term: 'Last error', value: delivery.last_error },
        ]}
      />
      <Attempts of={summary ?? delivery.id} />
    </div>
  )
}

const whole = (at: string): string => `${dayOf(at)}, ${clock(at)}`

/** What it is about, and the way there. */
function About({ delivery }: { delivery: Delivery }) {
  const { organization } = useMember()
  const { kind, id } = aboutOf(delivery)
  if (kind === 'alert' && id) {
    return (
      <Link to="/o/$org/alerts/$alert" params={{ org: organization, alert: id }} className={classes.link}>
        Show the alert
      </Link>
    )
  }
  return <>{aboutWords(delivery)?.replace(/^about /, '') ?? delivery.event.replaceAll(/[._]/g, ' ')}</>
}

function ResendButton({ delivery }: { delivery: Delivery }) {
  const { organization } = useMember()
  const client = useQueryClient()
  const sending = useMutation({
    mutationFn: () => resend(organization, delivery),
    onSuccess: () => toast({ tone: 'ok', title: 'The message is on its way again', seconds: 4 }),
    // Also when it was refused: then it has changed since it was shown.
    onSettled: () => client.invalidateQueries({ queryKey: deliveriesKey(organization) }),
  })
  return (
    <div className={classes.resend}>
      <Button variant="default" loading={sending.isPending} onClick={() => sending.mutate()}>
        {delivery.summary ? 'Send the summary again' : 'Send again'}
      </Button>
      <Refusal error={sending.error} />
    </div>
  )
}

function Attempts({ of }: { of: string }) {
  const { organization } = useMember()
  const attempts = useQuery(attemptsQuery(organization, of))
  return (
    <div>
      <h3 className={classes.heading}>Tries</h3>
      {attempts.isPending && <Loading rows={2} />}
      {attempts.error && !attempts.data && <Trouble error={attempts.error} retry={() => void attempts.refetch()} />}
      {attempts.data?.length === 0 && <p className={classes.small}>Nobody has tried to hand it over yet.</p>}
      {attempts.data && attempts.data.length > 0 && (
        <ol className={classes.attempts}>
          {attempts.data.map((attempt) => (
            <Attempt key={`${attempt.at} ${attempt.number}`} attempt={attempt} />
          ))}
        </ol>
      )}
    </div>
  )
}

function Attempt({ attempt }: { attempt: DeliveryAttempt }) {
  const { tone, word } = OUTCOMES[attempt.outcome]
  const facts = [
    `took ${tookWords(attempt.duration_ms)}`,
    attempt.provider && `by ${attempt.provider}`,
    attempt.code && `code ${attempt.code}`,
    attempt.provider_id && `number ${attempt.provider_id}`,
  ]
  return (
    <li className={classes.attempt}>
      <span className={classes.outcome}>
        <StatusBadge tone={tone} quiet>
          {word}
        </StatusBadge>
        <span className={classes.small}>{whole(attempt.at)}</span>
      </span>
      <span className={classes.small}>{facts.filter(Boolean).join(' · ')}</span>
      {attempt.detail && <span className={classes.detail}>{attempt.detail}</span>}
    </li>
  )
}
