import { useQuery } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import type { MouseEvent } from 'react'
import { useMember } from '@/shared/member'
import { IconCheck, IconChevronRight } from '@/shared/ui/icons'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { StatusMark } from '@/shared/ui/StatusBadge'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { moment } from '@/shared/units'
import classes from './Coverage.module.css'
import { coverageQuery, type Hole } from './queries'

/** Who would not be told, before it matters: worst first, each with the place where it is mended. */
export function CoveragePage() {
  const member = useMember()
  const coverage = useQuery(coverageQuery(member.organization))
  const { data } = coverage
  const worst = data?.results.filter(({ severity }) => severity === 'critical') ?? []
  const others = data?.results.filter(({ severity }) => severity !== 'critical') ?? []
  return (
    <Page
      title="Coverage"
      above={member.organizationName}
      below="Where an alert would reach nobody: looked for now, and for the next 14 days. Owners hear of it each Monday."
    >
      {coverage.isPending && (
        <Panel flush>
          <Loading rows={3} />
        </Panel>
      )}
      {coverage.error && !data && <Trouble error={coverage.error} retry={() => void coverage.refetch()} />}
      {data?.ok && (
        <Panel>
          <Empty icon={<IconCheck />} title="Somebody hears of every alert">
            Every step reaches somebody, and no shift is empty. Looked at {moment(data.checked_at)}.
          </Empty>
        </Panel>
      )}
      {worst.length > 0 && <Holes title="Something critical might reach nobody" holes={worst} />}
      {others.length > 0 && <Holes title="Worth mending" holes={others} />}
      {data && data.more > 0 && <p className={classes.more}>And {data.more} more, which aren’t shown.</p>}
    </Page>
  )
}

function Holes({ title, holes }: { title: string; holes: Hole[] }) {
  return (
    <Panel title={title} note={holes.length} flush>
      <ul className={classes.list}>
        {holes.map((hole) => (
          <Row key={`${hole.kind} ${hole.path} ${hole.text}`} hole={hole} />
        ))}
      </ul>
    </Panel>
  )
}

function Row({ hole }: { hole: Hole }) {
  const router = useRouter()
  const open = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return
    event.preventDefault()
    router.history.push(hole.path)
  }
  return (
    <li className={classes.row}>
      <StatusMark tone={hole.severity === 'critical' ? 'critical' : 'warning'} size={18} />
      <a href={hole.path} className={classes.link} onClick={open}>
        {hole.text}
      </a>
      <span className={classes.arrow}>
        <IconChevronRight size={18} />
      </span>
    </li>
  )
}
