import { Button, NativeSelect } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Channel, DeliveryStatus } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { IconFilterOff, IconSend } from '@/shared/ui/icons'
import { Notice } from '@/shared/ui/Notice'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import classes from './Deliveries.module.css'
import { DeliveryRow } from './DeliveryRow'
import { HealthPanel } from './HealthPanel'
import { anyDeadQuery, type DeliveryFilters, deliveriesQuery } from './queries'
import { ResendDeadDialog } from './ResendDeadDialog'
import { CHANNELS, STATUSES } from './words'

interface Props {
  filters: DeliveryFilters
  onFilters: (filters: DeliveryFilters) => void
}

/** Who was told what, whether it arrived, and once more what didn't. */
export function DeliveriesPage({ filters, onFilters }: Props) {
  const member = useMember()
  return (
    <Page
      title="Deliveries"
      above={member.organizationName}
      below="Every message that FreshTrack promised to send for you: whether it arrived, and what the provider said."
    >
      {may(member, 'notifications.resend') && <Dead filters={filters} onFilters={onFilters} />}
      <HealthPanel />
      <Filters filters={filters} onFilters={onFilters} />
      <List key={JSON.stringify(filters)} filters={filters} />
    </Page>
  )
}

/** Says that messages were given up, and offers to send them again. */
function Dead({ filters, onFilters }: Props) {
  const { organization } = useMember()
  const any = useQuery(anyDeadQuery(organization)).data
  const [asking, setAsking] = useState(false)
  return (
    <>
      {any && (
        <Notice
          tone="critical"
          title="Messages of the last 30 days were given up"
          action={
            <div className={classes.buttons}>
              {filters.status !== 'dead' && (
                <Button variant="subtle" onClick={() => onFilters({ status: 'dead' })}>
                  Show them
                </Button>
              )}
              <Button variant="default" onClick={() => setAsking(true)}>
                Send all again…
              </Button>
            </div>
          }
        >
          They were tried again and again, or refused for good. Those concerned may not know what happened.
        </Notice>
      )}
      {asking && <ResendDeadDialog onClose={() => setAsking(false)} />}
    </>
  )
}

function Filters({ filters, onFilters }: Props) {
  const set = (change: DeliveryFilters) => onFilters({ ...filters, ...change })
  return (
    <search className={classes.filters}>
      <NativeSelect
        label="State"
        value={filters.status ?? ''}
        onChange={(event) => set({ status: (event.currentTarget.value || undefined) as DeliveryStatus | undefined })}
        data={[
          { value: '', label: 'Any state' },
          ...Object.entries(STATUSES).map(([value, { word }]) => ({ value, label: word })),
        ]}
      />
      <NativeSelect
        label="Channel"
        value={filters.channel ?? ''}
        onChange={(event) => set({ channel: (event.currentTarget.value || undefined) as Channel | undefined })}
        data={[
          { value: '', label: 'Any channel' },
          ...Object.entries(CHANNELS).map(([value, label]) => ({ value, label })),
        ]}
      />
      {Object.values(filters).some(Boolean) && (
        <Button variant="subtle" leftSection={<IconFilterOff size={18} />} onClick={() => onFilters({})}>
          Clear filters
        </Button>
      )}
    </search>
  )
}

function List({ filters }: { filters: DeliveryFilters }) {
  const { organization } = useMember()
  const deliveries = useInfiniteQuery(deliveriesQuery(organization, filters))
  const shown = deliveries.data?.pages.flatMap((page) => page.results)
  const filtered = Boolean(filters.status || filters.channel)
  return (
    <>
      <Panel title="Messages" flush>
        {deliveries.isPending && <Loading rows={5} />}
        {deliveries.error && !shown && <Trouble error={deliveries.error} retry={() => void deliveries.refetch()} />}
        {shown?.length === 0 &&
          (filtered ? (
            <Empty icon={<IconFilterOff />} title="Nothing matches these filters" />
          ) : (
            <Empty icon={<IconSend />} title="Nobody was told anything yet">
              When an alert opens, whom FreshTrack tells appears here.
            </Empty>
          ))}
        {shown && shown.length > 0 && (
          <ol className={classes.list}>
            {shown.map((delivery) => (
              <DeliveryRow key={delivery.id} delivery={delivery} />
            ))}
          </ol>
        )}
      </Panel>
      {deliveries.hasNextPage && (
        <div className={classes.more}>
          <Button
            variant="default"
            loading={deliveries.isFetchingNextPage}
            onClick={() => void deliveries.fetchNextPage()}
          >
            Show older
          </Button>
        </div>
      )}
    </>
  )
}
