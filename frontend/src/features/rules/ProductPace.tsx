import { SegmentedControl } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Unit } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { besides, Dialog, fieldError, Words } from '@/shared/ui/Dialog'
import { toast } from '@/shared/ui/toast'
import { duration, unitKind } from '@/shared/units'
import { AmountField } from './AmountField'
import { changeUnit } from './queries'
import classes from './UnitRules.module.css'

interface Props {
  unit: Unit
  /** What is usual for its kind, in seconds. */
  usual: number
}

const minutesOf = (seconds: number): number => Math.round((seconds / 60) * 100) / 100

/** How slowly the food follows the air in this unit: what every rule on the product is judged by. */
export function ProductPace({ unit, usual }: Props) {
  const member = useMember()
  const [opened, setOpened] = useState(false)
  const own = unit.product_tau_s ?? null
  const kind = unitKind(unit).toLowerCase()
  return (
    <section className={classes.legal} aria-label="How slowly the food follows the air">
      <h3>How slowly the food follows the air</h3>
      <p className={classes.small}>
        {own === null ? (
          <>
            <strong>{duration(usual * 1000)}</strong>, as is usual for: {kind}.
          </>
        ) : (
          <>
            <strong>{duration(own * 1000)}</strong>, set for this unit (usual for {kind}: {duration(usual * 1000)}).
          </>
        )}{' '}
        {may(member, 'places.change') && (
          <button
            type="button"
            className={classes.change}
            aria-label="Change how slowly the food follows the air"
            onClick={() => setOpened(true)}
          >
            Change…
          </button>
        )}
      </p>
      {opened && <PaceDialog {...{ unit, usual, kind }} onClose={() => setOpened(false)} />}
    </section>
  )
}

const LONGEST = 86_400

function PaceDialog({ unit, usual, kind, onClose }: Props & { kind: string; onClose: () => void }) {
  const { organization } = useMember()
  const client = useQueryClient()
  const before = unit.product_tau_s ?? null
  const [isOwn, setOwn] = useState(before !== null)
  const [seconds, setSeconds] = useState<number | null>(before ?? usual)
  const [tried, setTried] = useState(false)
  const wrong = isOwn ? wrongWith(seconds) : undefined
  const saving = useMutation({
    mutationFn: () => changeUnit(organization, unit.id, { product_tau_s: isOwn ? seconds : null }),
    onSuccess: () => {
      toast({ tone: 'ok', title: 'The estimate of the food follows it from now on', seconds: 4 })
      onClose()
      // The estimate beside the air is another one, back to its beginning.
      const names = ['units', 'unit-rules', 'product-temperature', 'rule-preview']
      return Promise.all(names.map((name) => client.invalidateQueries({ queryKey: [name, organization] })))
    },
  })
  return (
    <Dialog
      title="How slowly the food follows the air"
      opened
      onClose={onClose}
      submit="Save"
      pending={saving.isPending}
      disabled={isOwn ? seconds === before : before === null}
      error={besides(saving.error, 'product_tau_s')}
      onSubmit={() => {
        setTried(true)
        if (wrong === undefined) saving.mutate()
      }}
    >
      <Words>
        After this time the food has gone two thirds of the way to a new air temperature. Big packs take longer, thin
        slices less; when in doubt choose less, and you are warned earlier. Rules on the product go by this estimate.
      </Words>
      <SegmentedControl
        fullWidth
        aria-label="Which"
        value={isOwn ? 'own' : 'usual'}
        onChange={(value) => setOwn(value === 'own')}
        data={[
          { value: 'usual', label: `Usual: ${duration(usual * 1000)}` },
          { value: 'own', label: 'This unit’s own' },
        ]}
      />
      {isOwn ? (
        <AmountField
          label="Time"
          description={`Usual for ${kind}: ${minutesOf(usual)} min.`}
          unit="min"
          shown={seconds === null ? null : minutesOf(seconds)}
          onChange={(shown) => setSeconds(shown === null ? null : Math.round(shown * 60))}
          error={(tried && wrong) || fieldError(saving.error, 'product_tau_s')}
          min={0}
          step={5}
        />
      ) : (
        fieldError(saving.error, 'product_tau_s') && <Words>{fieldError(saving.error, 'product_tau_s')}</Words>
      )}
    </Dialog>
  )
}

function wrongWith(seconds: number | null): string | undefined {
  if (seconds === null) return 'Enter a number of minutes.'
  if (seconds < 1) return 'It takes longer than nothing.'
  return seconds > LONGEST ? 'At most 1440 minutes, a day.' : undefined
}
