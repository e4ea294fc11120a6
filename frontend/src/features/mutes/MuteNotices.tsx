import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Alert, Mute, Unit } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { useNow } from '@/shared/now'
import { useZone } from '@/shared/sites'
import { Refusal } from '@/shared/ui/Dialog'
import { Notice } from '@/shared/ui/Notice'
import { toast } from '@/shared/ui/toast'
import { duration, momentAt } from '@/shared/units'
import { activeMutesQuery, endMute, muteQuery } from './queries'
import { coversAlert, coversUnit, isNow, type Subjects, subjectWords } from './words'

/** Says on a unit's page that nobody is told of it, why, and until when. */
export function UnitMuted({ unit, subjects }: { unit: Unit; subjects: Subjects }) {
  const { organization } = useMember()
  const active = useQuery(activeMutesQuery(organization)).data ?? []
  return active
    .filter((mute) => coversUnit(mute, unit))
    .map((mute) => <Muted key={mute.id} mute={mute} site={unit.site} subjects={subjects} />)
}

/** Says on an alert's page what keeps it quiet now, or kept it quiet when it opened. */
export function AlertMuted({ alert, subjects }: { alert: Alert; subjects: Subjects }) {
  const { organization } = useMember()
  const active = useQuery(activeMutesQuery(organization)).data ?? []
  const kept = useQuery({ ...muteQuery(organization, alert.muted_by ?? ''), enabled: alert.muted_by !== null }).data
  const now = alert.status === 'resolved' ? [] : active.filter((mute) => coversAlert(mute, alert))
  return (
    <>
      {now.map((mute) => (
        <Muted key={mute.id} mute={mute} site={alert.site} subjects={subjects} />
      ))}
      {kept && !now.some(({ id }) => id === kept.id) && <Was mute={kept} site={alert.site} subjects={subjects} />}
    </>
  )
}

interface Props {
  mute: Mute
  site: string | null
  subjects: Subjects
}

function Muted({ mute, site, subjects }: Props) {
  const member = useMember()
  const zone = useZone(site)
  const left = useNow((now) => (isNow(mute, now) ? duration(Date.parse(mute.ends_at) - now) : ''))
  if (left === '') return null
  const what = mute.kind === 'maintenance' ? 'Maintenance' : 'Muted'
  const mayEnd = may(member, 'mutes.change') && (!member.sites || mute.site !== null || mute.unit !== null)
  return (
    <Notice
      tone="no-data"
      title={`${what} until ${momentAt(mute.ends_at, zone)}, ${left} left`}
      action={mayEnd && <EndButton mute={mute} />}
    >
      {mute.reason && `${mute.reason}. `}Nobody is told about {subjectWords(mute, subjects)}. Readings are recorded, and
      what lasts is told at the end.
    </Notice>
  )
}

function Was({ mute, site, subjects }: Props) {
  const zone = useZone(site)
  return (
    <Notice tone="no-data" title="It opened while nobody was to be told">
      {mute.reason && `${mute.reason}. `}A mute of {subjectWords(mute, subjects)} kept it quiet until{' '}
      {momentAt(mute.ends_at, zone)}.
    </Notice>
  )
}

export function EndButton({ mute }: { mute: Mute }) {
  const { organization } = useMember()
  const client = useQueryClient()
  const ending = useMutation({
    mutationFn: () => endMute(organization, mute.id),
    onSuccess: () => {
      toast({ tone: 'ok', title: 'The mute has ended', seconds: 4 })
      return client.invalidateQueries({ queryKey: ['mutes', organization] })
    },
  })
  return (
    <>
      <Button variant="default" size="compact-sm" loading={ending.isPending} onClick={() => ending.mutate()}>
        End now
      </Button>
      <Refusal error={ending.error} />
    </>
  )
}
