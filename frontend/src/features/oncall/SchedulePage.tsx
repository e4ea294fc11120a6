import { useQuery } from '@tanstack/react-query'
import { useMember } from '@/shared/member'
import { Notice } from '@/shared/ui/Notice'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import classes from './OnCall.module.css'
import { rotaQuery, type Schedule, type Shift } from './queries'
import { Swaps } from './Swaps'
import { isGap, sourceWords, spanWords, whoWords } from './words'

/** Who is on duty in the next two weeks, shift after shift, by the schedule's clock. */
export function SchedulePage({ schedule, me }: { schedule: Schedule; me: string }) {
  const member = useMember()
  const rota = useQuery(rotaQuery(member.organization, schedule.id))
  const gaps = rota.data?.gaps ?? []
  const [first] = gaps
  return (
    <Page title={schedule.name} above="On call" below={`The next two weeks, in times of ${schedule.time_zone}.`}>
      {first && (
        <Notice
          tone="warning"
          title={gaps.length === 1 ? 'Nobody is on duty once' : `Nobody is on duty ${gaps.length} times`}
        >
          First {spanWords(first.starts_at, first.ends_at, schedule.time_zone)}. Policies pass over a step that reaches
          nobody.
        </Notice>
      )}
      <Swaps me={me} schedule={schedule.id} />
      <Panel flush>
        {rota.isPending && <Loading rows={4} />}
        {rota.error && !rota.data && <Trouble error={rota.error} retry={() => void rota.refetch()} />}
        {rota.data?.results.length === 0 && <Empty title="Nothing is planned" />}
        {rota.data && (
          <ol className={classes.list}>
            {rota.data.results.map((shift) => (
              <Row key={shift.starts_at} shift={shift} zone={schedule.time_zone} />
            ))}
          </ol>
        )}
      </Panel>
    </Page>
  )
}

function Row({ shift, zone }: { shift: Shift; zone: string }) {
  const source = sourceWords(shift)
  return (
    <li className={classes.row} data-gap={isGap(shift) || undefined}>
      <div className={classes.what}>
        <span className={classes.who}>{whoWords(shift)}</span>
        <span className={classes.small}>
          {spanWords(shift.starts_at, shift.ends_at, zone)}
          {source && ` · ${source}`}
        </span>
      </div>
    </li>
  )
}
