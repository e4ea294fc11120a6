import { Textarea, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { LegalLimit, Unit, UnitRule } from '@/shared/api/types'
import { fieldUnit, hasThreshold, isDegrees, thresholdFromField, thresholdInField } from '@/shared/measures'
import { useMember } from '@/shared/member'
import { useScale } from '@/shared/preferences'
import { useZone } from '@/shared/sites'
import { besides, Dialog, fieldError, Words } from '@/shared/ui/Dialog'
import { toast } from '@/shared/ui/toast'
import { clockWords } from '@/shared/units'
import { DAY, momentOfText, wallText } from '@/shared/zone'
import { AmountField } from './AmountField'
import { DurationField } from './DurationField'
import { createOverride } from './queries'
import classes from './Rules.module.css'
import { legalWords, ruleWords } from './words'

interface Props {
  rule: UnitRule
  unit: Unit
  legal: LegalLimit[]
  onClose: () => void
}

const LONGEST = 90 * DAY

/** What is wrong with an end, in words. */
function wrongEnd(at: number, now: number): string | null {
  if (Number.isNaN(at)) return 'Enter a date with its time.'
  if (at <= now) return 'This has passed already.'
  return at > now + LONGEST ? 'At most 90 days ahead.' : null
}

/** Another limit or delay for one unit, with a reason and an end: it reverts by itself. */
export function OverrideDialog({ rule, unit, legal, onClose }: Props) {
  const { organization } = useMember()
  const client = useQueryClient()
  const scale = useScale()
  const zone = useZone(unit.site)
  const [threshold, setThreshold] = useState<number | null>(rule.threshold ?? null)
  const [delay, setDelay] = useState(rule.delay_s ?? 0)
  const [reason, setReason] = useState('')
  const [until, setUntil] = useState(() => wallText(Date.now() + 7 * DAY, zone))
  const [tried, setTried] = useState(false)
  const end = momentOfText(until, zone)
  const compares = hasThreshold(rule.condition)
  const moved = { threshold: compares && threshold !== rule.threshold, delay: delay !== (rule.delay_s ?? 0) }
  const wrong = {
    limit: compares && threshold === null ? 'Enter a number.' : undefined,
    nothing: !moved.threshold && !moved.delay ? 'Change the limit or the time.' : undefined,
    reason: reason.trim() === '' ? 'Say why: somebody will ask.' : undefined,
    end: wrongEnd(end, Date.now()) ?? undefined,
  }
  const saving = useMutation({
    mutationFn: () =>
      createOverride(organization, {
        rule: rule.id,
        unit: unit.id,
        ...(moved.threshold && { threshold }),
        ...(moved.delay && { delay_s: delay }),
        reason: reason.trim(),
        expires_at: new Date(end).toISOString(),
      }),
    onSuccess: () => {
      toast({ tone: 'ok', title: 'Changed for this unit', seconds: 4 })
      onClose()
      return client.invalidateQueries({ queryKey: ['unit-rules', organization] })
    },
  })
  const law = legal.filter((limit) => limit.condition === rule.condition && limit.threshold !== null)
  const clock = clockWords(zone, Date.now())
  return (
    <Dialog
      title="Change here for a while"
      opened
      onClose={onClose}
      submit="Change"
      pending={saving.isPending}
      error={besides(saving.error, 'threshold', 'delay_s', 'reason', 'expires_at')}
      onSubmit={() => {
        setTried(true)
        if (!Object.values(wrong).some(Boolean)) saving.mutate()
      }}
    >
      <Words>
        {unit.name}: “{ruleWords(rule, scale)}”. The rule itself stays as it is, and holds here again at the end.
      </Words>
      {isDegrees(rule) && law.length > 0 && (
        <Words>
          The law: {law.map((limit) => legalWords(limit, scale).toLowerCase()).join(', ')}. No change goes beyond.
        </Words>
      )}
      <div className={classes.pair}>
        {compares && (
          <AmountField
            label="Limit"
            unit={fieldUnit(rule, scale)}
            shown={threshold === null ? null : thresholdInField(rule, threshold, scale)}
            onChange={(shown) =>
              setThreshold(shown === null ? null : thresholdFromField(rule, shown, scale, rule.threshold ?? null))
            }
            error={tried ? wrong.limit : fieldError(saving.error, 'threshold')}
            step={0.5}
          />
        )}
        <DurationField
          label="For at least"
          seconds={delay}
          onSeconds={setDelay}
          error={(tried && !wrong.limit && wrong.nothing) || fieldError(saving.error, 'delay_s')}
        />
      </div>
      <Textarea
        label="Reason"
        description="Everyone sees it, inspectors too."
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        error={(tried && wrong.reason) || fieldError(saving.error, 'reason')}
        maxLength={2000}
        autosize
        minRows={2}
      />
      <TextInput
        type="datetime-local"
        label="Until"
        description={clock && `${clock.replace('times', 'Times')}.`}
        value={until}
        onChange={(event) => setUntil(event.currentTarget.value)}
        error={(tried && wrong.end) || fieldError(saving.error, 'expires_at')}
      />
    </Dialog>
  )
}
