import { Button, NativeSelect } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import type { AlertStatus, Severity } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { IconBellCheck } from '@/shared/ui/icons'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { ALERT_STATUS, SEVERITY } from '@/shared/ui/status'
import { AlertList } from './AlertList'
import classes from './AlertsPage.module.css'
import { type AlertFilters, alertsQuery, OPEN_PAGE, openAlertsQuery } from './queries'

interface Props {
  filters: AlertFilters
  onFilters: (filters: AlertFilters) => void
  sites: { id: string; name: string }[]
}

const STATUSES = Object.keys(ALERT_STATUS) as AlertStatus[]
const NOTHING: Record<AlertStatus, { title: string; words: string }> = {
  open: { title: 'Nothing needs you right now', words: 'A new alert appears here, and as a message on every screen.' },
  acknowledged: {
    title: 'Nobody is working on an alert',
    words: 'Acknowledged alerts stay here until they are resolved.',
  },
  resolved: {
    title: 'No alert has been resolved yet',
    words: 'What happened and what was done about it is kept here.',
  },
}

/** Alerts by what they need: open ones first, then those somebody works on, then the past. */
export function AlertsPage({ filters, onFilters, sites }: Props) {
  const { organizationName } = useMember()
  const { status, ...others } = filters
  const set = (change: AlertFilters) => onFilters({ ...filters, ...change })
  return (
    <Page title="Alerts" above={organizationName}>
      <div className={classes.filters}>
        <NativeSelect
          aria-label="Status"
          value={status ?? ''}
          onChange={(event) => set({ status: (event.currentTarget.value || undefined) as AlertStatus | undefined })}
          data={[
            { value: '', label: 'Every status' },
            ...STATUSES.map((value) => ({ value, label: ALERT_STATUS[value] })),
          ]}
        />
        <NativeSelect
          aria-label="Severity"
          value={filters.severity ?? ''}
          onChange={(event) => set({ severity: (event.currentTarget.value || undefined) as Severity | undefined })}
          data={[
            { value: '', label: 'Every severity' },
            ...Object.entries(SEVERITY).map(([value, { word }]) => ({ value, label: word })),
          ]}
        />
        {sites.length > 1 && (
          <NativeSelect
            aria-label="Site"
            value={filters.site ?? ''}
            onChange={(event) => set({ site: event.currentTarget.value || undefined })}
            data={[{ value: '', label: 'All sites' }, ...sites.map(({ id, name }) => ({ value: id, label: name }))]}
          />
        )}
      </div>
      {(status ? [status] : STATUSES).map((each) => (
        <AlertsOf key={each} status={each} filters={others} hideEmpty={each === 'acknowledged' && !status} />
      ))}
    </Page>
  )
}

const countOf = ({ length }: unknown[]): string => (length < OPEN_PAGE ? String(length) : `${OPEN_PAGE - 1}+`)

interface SectionProps {
  status: AlertStatus
  filters: Omit<AlertFilters, 'status'>
  hideEmpty: boolean
}

function AlertsOf({ status, filters, hideEmpty }: SectionProps) {
  const { organization } = useMember()
  const alerts = useInfiniteQuery(alertsQuery(organization, status, filters))
  const open = useQuery(openAlertsQuery(organization)).data
  const shown = alerts.data?.pages.flatMap((page) => page.results) ?? []
  const filtered = Object.values(filters).some(Boolean)
  const note = status === 'open' && !filtered && open && open.length > 0 ? countOf(open) : undefined
  if (hideEmpty && !alerts.error && shown.length === 0) return null
  return (
    <Panel title={ALERT_STATUS[status]} note={note} flush>
      {alerts.isPending && <Loading rows={3} />}
      {alerts.error && shown.length === 0 && <Trouble error={alerts.error} retry={() => void alerts.refetch()} />}
      {alerts.data && shown.length === 0 && (
        <Empty
          icon={<IconBellCheck />}
          title={filtered ? `No ${status} alert matches these filters` : NOTHING[status].title}
        >
          {!filtered && NOTHING[status].words}
        </Empty>
      )}
      {shown.length > 0 && <AlertList alerts={shown} />}
      {alerts.hasNextPage && (
        <div className={classes.more}>
          <Button variant="subtle" loading={alerts.isFetchingNextPage} onClick={() => void alerts.fetchNextPage()}>
            Show older
          </Button>
        </div>
      )}
    </Panel>
  )
}
