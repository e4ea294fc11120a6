import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import type { Alert } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { useScale } from '@/shared/preferences'
import { SEVERITY } from '@/shared/ui/status'
import { dismissToast, toast } from '@/shared/ui/toast'
import classes from './AlertToasts.module.css'
import { OPEN_PAGE, openAlertsQuery } from './queries'
import { extent, headline, subject } from './words'

const WARNING_SECONDS = 10

/**
 * Shows each alert that opens while the app is open, once. It watches the list of open alerts and not the socket, so
 * that an alert that opened while the connection was lost is shown as well. Draws nothing itself.
 */
export function AlertToasts() {
  const { organization } = useMember()
  const scale = useScale()
  const open = useQuery(openAlertsQuery(organization)).data
  const known = useRef<{ organization: string; list: Alert[] } | null>(null)
  useEffect(() => {
    if (!open) return
    const before = known.current?.organization === organization ? known.current.list : null
    known.current = { organization, list: open }
    if (!before) return // what was open already isn't news
    for (const alert of missingFrom(before, open)) {
      // What is muted, or a part of something else that was told, isn't told here either.
      if (alert.muted_by || alert.parent) continue
      toast({
        id: alert.id,
        tone: SEVERITY[alert.severity].tone,
        title: `${SEVERITY[alert.severity].word}: ${subject(alert)}`,
        seconds: alert.severity === 'critical' ? null : WARNING_SECONDS,
        children: <Words alert={alert} words={[headline(alert), extent(alert, scale)].filter(Boolean).join(', ')} />,
      })
    }
    for (const { id } of missingFrom(open, before)) dismissToast(id)
  }, [open, organization, scale])
  return null
}

/** Those of `list` that `other` lacks. Where `other` is full, what is older than all of it is only beyond its end. */
function missingFrom(other: Alert[], list: Alert[]): Alert[] {
  const ids = new Set(other.map(({ id }) => id))
  const since = other.length < OPEN_PAGE ? 0 : Math.min(...other.map(({ opened_at }) => Date.parse(opened_at)))
  return list.filter(({ id, opened_at }) => !ids.has(id) && Date.parse(opened_at) >= since)
}

function Words({ alert, words }: { alert: Alert; words: string }) {
  const { organization } = useMember()
  return (
    <div className={classes.words}>
      <span>
        {words}
        {alert.site_name && ` · ${alert.site_name}`}
      </span>
      <Link
        to="/o/$org/alerts/$alert"
        params={{ org: organization, alert: alert.id }}
        onClick={() => dismissToast(alert.id)}
        className={classes.link}
      >
        Show alert
      </Link>
    </div>
  )
}
