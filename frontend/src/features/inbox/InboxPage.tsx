import { Button, Switch } from '@mantine/core'
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import type { InboxItem } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { Age } from '@/shared/ui/Age'
import { Refusal } from '@/shared/ui/Dialog'
import { IconCheck, IconInbox } from '@/shared/ui/icons'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { StatusBadge } from '@/shared/ui/StatusBadge'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { SEVERITY } from '@/shared/ui/status'
import classes from './Inbox.module.css'
import {
  type InboxFilters,
  inboxListKey,
  inboxQuery,
  markAllRead,
  markRead,
  put,
  putUnread,
  unreadQuery,
} from './queries'

interface Props {
  filters: InboxFilters
  onFilters: (filters: InboxFilters) => void
  /** Names of the person's organizations, by slug. */
  organizations: Record<string, string>
}

/** Everything the person was told of, whatever channel it took besides. */
export function InboxPage({ filters, onFilters, organizations }: Props) {
  const { organization } = useMember()
  const items = useInfiniteQuery(inboxQuery(organization, filters))
  const shown = items.data?.pages.flatMap((page) => page.results)
  return (
    <Page
      title="Inbox"
      below="Everything you were told, in all your organizations, also where an e-mail didn’t arrive."
      actions={<ReadAll shown={shown ?? []} />}
    >
      <Switch
        size="md"
        label="Show unread only"
        checked={filters.unread === true}
        onChange={(event) => onFilters({ unread: event.currentTarget.checked || undefined })}
      />
      <Panel title={filters.unread ? 'Unread' : 'All'} flush>
        {items.isPending && <Loading rows={5} />}
        {items.error && !shown && <Trouble error={items.error} retry={() => void items.refetch()} />}
        {shown?.length === 0 && <Nothing unread={filters.unread === true} />}
        {shown && shown.length > 0 && (
          <ol className={classes.list}>
            {shown.map((item) => (
              <Row key={item.id} item={item} place={placeOf(item, organization, organizations)} />
            ))}
          </ol>
        )}
      </Panel>
      {items.hasNextPage && (
        <div className={classes.more}>
          <Button variant="default" loading={items.isFetchingNextPage} onClick={() => void items.fetchNextPage()}>
            Show older
          </Button>
        </div>
      )}
    </Page>
  )
}

function Nothing({ unread }: { unread: boolean }) {
  if (unread) return <Empty icon={<IconCheck />} title="You have read everything" />
  return (
    <Empty icon={<IconInbox />} title="Nothing here yet">
      Alerts and notices that concern you appear here as they happen.
    </Empty>
  )
}

/** Where it happened, unless that is the organization on the screen. */
function placeOf({ org }: InboxItem, here: string, organizations: Record<string, string>): string | null {
  if (org === here) return null
  return org === null ? 'Your account' : (organizations[org] ?? org)
}

function ReadAll({ shown }: { shown: InboxItem[] }) {
  const { organization } = useMember()
  const client = useQueryClient()
  const unread = useQuery(unreadQuery(organization)).data ?? 0
  const reading = useMutation({
    mutationFn: markAllRead,
    onSuccess: async (left) => {
      putUnread(client, organization, left)
      await client.invalidateQueries({ queryKey: inboxListKey(organization) })
    },
  })
  const none = unread === 0 && shown.every(({ read_at }) => read_at !== null)
  return (
    <>
      <Button
        variant="default"
        leftSection={<IconCheck size={18} />}
        disabled={none}
        loading={reading.isPending}
        onClick={() => reading.mutate()}
      >
        Mark all as read
      </Button>
      <Refusal error={reading.error} />
    </>
  )
}

/** Most messages are one sentence, which is their subject too. */
const saysMore = ({ subject, text }: InboxItem): boolean => text !== '' && text.replace(/\.$/, '') !== subject

/** Only into the app: what comes with a message must not lead elsewhere. */
const isInside = (path: string): boolean => /^\/(?![/\\])/.test(path)

function Row({ item, place }: { item: InboxItem; place: string | null }) {
  const { organization } = useMember()
  const client = useQueryClient()
  const router = useRouter()
  const reading = useMutation({
    mutationFn: () => markRead(item.id),
    onSuccess: async (read) => {
      put(client, organization, read)
      await client.invalidateQueries({ queryKey: unreadQuery(organization).queryKey })
    },
  })
  const isUnread = item.read_at === null
  const { tone, word } = SEVERITY[item.severity]
  /** What is opened has been read, also in another tab. */
  const open = (event: React.MouseEvent) => {
    if (isUnread) reading.mutate()
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    router.history.push(item.path)
  }
  return (
    <li className={classes.item} data-unread={isUnread || undefined}>
      <span className={classes.dot} aria-hidden="true" />
      <div className={classes.what}>
        {isUnread && <span className="visually-hidden">Unread: </span>}
        {isInside(item.path) ? (
          <a href={item.path} className={classes.subject} onClick={open}>
            {item.subject}
          </a>
        ) : (
          <span className={classes.subject}>{item.subject}</span>
        )}
        {saysMore(item) && <p className={classes.text}>{item.text}</p>}
        <p className={classes.facts}>
          <StatusBadge tone={tone} quiet>
            {word}
          </StatusBadge>
          {place && <span>{place}</span>}
          <Age at={item.created_at} />
        </p>
        <Refusal error={reading.error} />
      </div>
      {isUnread && (
        <Button
          className={classes.read}
          variant="subtle"
          size="sm"
          loading={reading.isPending}
          aria-label={`Mark as read: ${item.subject}`}
          onClick={() => reading.mutate()}
        >
          Mark as read
        </Button>
      )}
    </li>
  )
}
