import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useMember } from '@/shared/member'
import { IconChevronRight, IconPeople } from '@/shared/ui/icons'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { moment } from '@/shared/units'
import classes from './OnCall.module.css'
import { type OnDuty, onDutyQuery } from './queries'
import { Swaps } from './Swaps'
import { isGap, whoWords } from './words'

/** Who has the duty of each schedule now, and who after that. */
export function OnCallPage({ me }: { me: string }) {
  const member = useMember()
  const duties = useQuery(onDutyQuery(member.organization))
  return (
    <Page
      title="On call"
      above={member.organizationName}
      below="Who is on duty now. Escalation policies call whoever it is at that moment."
    >
      <Swaps me={me} />
      <Panel flush>
        {duties.isPending && <Loading rows={3} />}
        {duties.error && !duties.data && <Trouble error={duties.error} retry={() => void duties.refetch()} />}
        {duties.data?.length === 0 && (
          <Empty icon={<IconPeople />} title="There is no on-call schedule">
            Until there is one, policies call people by their role or by name. Schedules are made over the API.
          </Empty>
        )}
        {duties.data && duties.data.length > 0 && (
          <ul className={classes.list}>
            {duties.data.map((duty) => (
              <Row key={duty.schedule} duty={duty} />
            ))}
          </ul>
        )}
      </Panel>
    </Page>
  )
}

function Row({ duty: { schedule, schedule_name, now, next } }: { duty: OnDuty }) {
  const { organization } = useMember()
  return (
    <li className={classes.row} data-gap={isGap(now) || undefined}>
      <div className={classes.what}>
        <Link to="/o/$org/on-call/$schedule" params={{ org: organization, schedule }} className={classes.link}>
          {schedule_name}
        </Link>
        <span className={classes.who}>{whoWords(now)}</span>
        <span className={classes.small}>
          {next ? `until ${moment(now.ends_at)}, then ${whoWords(next)}` : 'for the next two weeks'}
        </span>
      </div>
      <span className={classes.arrow}>
        <IconChevronRight size={18} />
      </span>
    </li>
  )
}
