import { NativeSelect, Radio, SegmentedControl, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useMember } from '@/shared/member'
import { useZone } from '@/shared/sites'
import { besides, Dialog, fieldError, Words } from '@/shared/ui/Dialog'
import { toast } from '@/shared/ui/toast'
import { clockWords, moment } from '@/shared/units'
import { DAY, HOUR, momentOfText, wallText } from '@/shared/zone'
import classes from './Mutes.module.css'
import { createMute, type MuteBody } from './queries'

/** What can be muted from where one is: the narrowest first. */
export interface Target {
  words: string
  site?: string
  unit?: string
  rule?: string
}

interface Props {
  targets: Target[]
  /** Whose clock is meant; null: the reader's. */
  site: string | null
  onClose: () => void
}

type Length = 'half' | 'two' | 'until' | 'window'

const LENGTHS: { value: Length; label: string }[] = [
  { value: 'half', label: '30 min' },
  { value: 'two', label: '2 hours' },
  { value: 'until', label: 'Until…' },
  { value: 'window', label: 'From – to' },
]
const LONGEST = 30 * DAY

interface Times {
  starts: number | null
  ends: number
}

function timesOf(length: Length, from: number, until: number, now: number): Times {
  if (length === 'half') return { starts: null, ends: now + HOUR / 2 }
  if (length === 'two') return { starts: null, ends: now + 2 * HOUR }
  return { starts: length === 'window' ? from : null, ends: until }
}

/** What is wrong with the times, in words. */
export function wrongTimes({ starts, ends }: Times, now: number): string | null {
  if (Number.isNaN(ends) || Number.isNaN(starts ?? 0)) return 'Enter a date with its time.'
  if (ends <= now) return 'It must end in the future.'
  if (starts !== null && ends <= starts) return 'It must end after it begins.'
  return ends - (starts ?? now) > LONGEST ? 'It may last 30 days. Longer than that, switch the rule off.' : null
}

/** For how long, what, and why: nobody is told meanwhile, and everything is recorded. */
export function MuteDialog({ targets, site, onClose }: Props) {
  const { organization } = useMember()
  const client = useQueryClient()
  const zone = useZone(site)
  const [now] = useState(Date.now)
  const [chosen, setChosen] = useState(0)
  const [length, setLength] = useState<Length>('half')
  const [from, setFrom] = useState(() => wallText(now, zone))
  const [until, setUntil] = useState(() => wallText(now + 4 * HOUR, zone))
  const [reason, setReason] = useState('')
  const [tried, setTried] = useState(false)
  const times = () => timesOf(length, momentOfText(from, zone), momentOfText(until, zone), Date.now())
  const wrong = wrongTimes(times(), Date.now())
  const making = useMutation({
    mutationFn: () => {
      const { words: _words, ...target } = targets[chosen] ?? { words: '' }
      const { starts, ends } = times()
      const body: MuteBody = {
        ...target,
        kind: length === 'window' ? 'maintenance' : 'mute',
        reason: reason.trim(),
        ends_at: new Date(ends).toISOString(),
        // (What began just now begins now: the server's clock says when.)
        ...(starts !== null && starts > Date.now() && { starts_at: new Date(starts).toISOString() }),
      }
      return createMute(organization, body)
    },
    onSuccess: (mute) => {
      toast({ tone: 'ok', title: `Muted until ${moment(mute.ends_at, zone)}`, seconds: 4 })
      onClose()
      return client.invalidateQueries({ queryKey: ['mutes', organization] })
    },
  })
  const clock = clockWords(zone, now)
  const error = (tried && wrong) || fieldError(making.error, 'ends_at')
  return (
    <Dialog
      title="Mute"
      opened
      onClose={onClose}
      submit="Mute"
      pending={making.isPending}
      error={besides(making.error, 'ends_at', 'reason')}
      onSubmit={() => {
        setTried(true)
        if (!wrong) making.mutate()
      }}
    >
      <Words>
        Readings are recorded and alerts open, but nobody is told. What still lasts at the end is told then. A mute
        always ends.
      </Words>
      <TargetField targets={targets} chosen={chosen} onChoose={setChosen} />
      <SegmentedControl
        fullWidth
        aria-label="For how long"
        value={length}
        onChange={(value) => setLength(value as Length)}
        data={LENGTHS}
      />
      {(length === 'until' || length === 'window') && (
        <div className={classes.pair}>
          {length === 'window' && (
            <TextInput
              type="datetime-local"
              label="From"
              value={from}
              onChange={(event) => setFrom(event.currentTarget.value)}
            />
          )}
          <TextInput
            type="datetime-local"
            label={length === 'window' ? 'To' : 'Until'}
            value={until}
            onChange={(event) => setUntil(event.currentTarget.value)}
            error={error}
          />
        </div>
      )}
      {(length === 'until' || length === 'window') && clock && <Words>{`${clock.replace('times', 'Times')}.`}</Words>}
      <TextInput
        label="Reason"
        description="Optional. It is shown wherever this keeps quiet."
        placeholder={length === 'window' ? 'Compressor is serviced' : 'Cleaning'}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        error={fieldError(making.error, 'reason')}
        maxLength={500}
      />
    </Dialog>
  )
}

const FEW = 5

interface TargetProps {
  targets: Target[]
  chosen: number
  onChoose: (place: number) => void
}

function TargetField({ targets, chosen, onChoose }: TargetProps) {
  if (targets.length > FEW)
    return (
      <NativeSelect
        label="What"
        size="md"
        value={String(chosen)}
        onChange={(event) => onChoose(Number(event.currentTarget.value))}
        data={targets.map(({ words }, place) => ({ value: String(place), label: words }))}
      />
    )
  return (
    <Radio.Group label="What" size="md" value={String(chosen)} onChange={(value) => onChoose(Number(value))}>
      <div className={classes.targets}>
        {targets.map(({ words }, place) => (
          <Radio key={words} value={String(place)} label={words} />
        ))}
      </div>
    </Radio.Group>
  )
}
