import { useQuery } from '@tanstack/react-query'
import type { ChannelHealth } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { Age } from '@/shared/ui/Age'
import { Panel } from '@/shared/ui/Panel'
import { StatusBadge } from '@/shared/ui/StatusBadge'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import classes from './Health.module.css'
import { healthQuery } from './queries'
import { CHANNELS, countWords, healthOf, shareWords } from './words'

/** How the ways to reach people have been: what the organization's own messages met. */
export function HealthPanel() {
  const { organization } = useMember()
  const health = useQuery(healthQuery(organization))
  return (
    <Panel title="Channels" flush>
      {health.isPending && <Loading rows={3} />}
      {health.error && !health.data && <Trouble error={health.error} retry={() => void health.refetch()} />}
      {health.data?.length === 0 && <Empty title="Nothing was sent in the last 30 days" />}
      {health.data && health.data.length > 0 && (
        <ul className={classes.channels}>
          {health.data.map((channel) => (
            <Channel key={`${channel.channel} ${channel.provider}`} channel={channel} />
          ))}
        </ul>
      )}
    </Panel>
  )
}

function Channel({ channel }: { channel: ChannelHealth }) {
  const { tone, word } = healthOf(channel)
  const { last_error: error } = channel
  return (
    <li className={classes.channel}>
      <div className={classes.name}>
        <strong>
          {CHANNELS[channel.channel]}
          {channel.provider && <span className={classes.provider}> by {channel.provider}</span>}
        </strong>
        <StatusBadge tone={tone}>{word}</StatusBadge>
      </div>
      <dl className={classes.lasts}>
        <div>
          <dt>Last success</dt>
          <dd>
            <Age at={channel.last_success} none="none in 30 days" />
          </dd>
        </div>
        <div>
          <dt>Last error</dt>
          <dd>
            <Age at={error?.at ?? null} none="none in 30 days" />
            {error && <span className={classes.error}>{errorWords(error)}</span>}
          </dd>
        </div>
      </dl>
      <div className={classes.rates}>
        <Rate words="Last hour" counts={channel.hour} />
        <Rate words="Last 24 hours" counts={channel.day} />
      </div>
    </li>
  )
}

const errorWords = ({ code, detail }: { code: string; detail: string }): string =>
  [code && `code ${code}`, detail].filter(Boolean).join(': ')

const PARTS = [
  { name: 'sent', tone: 'ok' },
  { name: 'failed', tone: 'warning' },
  { name: 'refused', tone: 'critical' },
] as const

/** The bar repeats what the words say: taken, failed, refused. */
function Rate({ words, counts }: { words: string; counts: ChannelHealth['hour'] }) {
  return (
    <div className={classes.rate}>
      <p className={classes.rateWords}>
        <span>{words}</span>
        <strong>{shareWords(counts)}</strong>
      </p>
      <div className={classes.bar} aria-hidden="true">
        {PARTS.map(
          ({ name, tone }) =>
            counts[name] > 0 && <span key={name} data-tone={tone} style={{ flexGrow: counts[name] }} />,
        )}
      </div>
      <p className={classes.counts}>{countWords(counts)}</p>
    </div>
  )
}
