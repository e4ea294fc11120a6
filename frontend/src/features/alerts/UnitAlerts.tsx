import { useQuery } from '@tanstack/react-query'
import { useMember } from '@/shared/member'
import { IconBellCheck } from '@/shared/ui/icons'
import { Panel } from '@/shared/ui/Panel'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { AlertList } from './AlertList'
import { unitAlertsQuery } from './queries'

/** What happened to one unit, newest first. */
export function UnitAlerts({ unit }: { unit: string }) {
  const { organization } = useMember()
  const alerts = useQuery(unitAlertsQuery(organization, unit))
  return (
    <Panel title="Alerts" flush>
      {alerts.isPending && <Loading rows={3} />}
      {alerts.error && !alerts.data && <Trouble error={alerts.error} retry={() => void alerts.refetch()} />}
      {alerts.data?.length === 0 && (
        <Empty icon={<IconBellCheck />} title="No alert so far">
          This unit has stayed within its limits.
        </Empty>
      )}
      {alerts.data && alerts.data.length > 0 && <AlertList alerts={alerts.data} ofOneUnit />}
    </Panel>
  )
}
