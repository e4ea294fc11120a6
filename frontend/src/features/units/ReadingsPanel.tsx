import { Button } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useEffect, useMemo, useState } from 'react'
import type { Unit, UnitLabel } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { useZone } from '@/shared/sites'
import { IconDownload } from '@/shared/ui/icons'
import { Panel } from '@/shared/ui/Panel'
import { StatusMark } from '@/shared/ui/StatusBadge'
import { Loading, Trouble } from '@/shared/ui/states'
import { clockWords, dayOf } from '@/shared/units'
import { ChartArea, loadChart } from './ChartArea'
import { grainWords, stretchWords, viewWords } from './chartWords'
import { readingsAddress } from './exporting'
import { Facts } from './Facts'
import { LONGEST_ESTIMATED, LONGEST_LABELLED, labelsQuery, productLines, productQuery } from './labels'
import type { Limit, Span } from './limits'
import { earliestQuery } from './queries'
import { Presets, Steps } from './RangeControls'
import classes from './ReadingsPanel.module.css'
import { ReadingsTable } from './ReadingsTable'
import { DEFAULT_PRESET, PRESETS, type Stretch, stretchOf, type View, type Window } from './range'
import { summary } from './series'
import { useReadings } from './useReadings'
import { type OnView, useStretch } from './useStretch'

const ExportDialog = lazy(async () => ({ default: (await import('./ExportDialog')).ExportDialog }))

interface Shown {
  unit: Unit
  limits: Limit[]
  spans: Span[]
}

export interface History {
  view: View
  onView: OnView
  /** undefined: nothing was shown before. */
  onBack: (() => void) | undefined
  isTable: boolean
  onTable: (isTable: boolean) => void
}

/** What a unit measured, from an hour to everything; it grows as readings come. */
export function UnitReadingsPanel(props: Shown & History) {
  return <ReadingsPanel {...props} title="Temperature" home={{ preset: DEFAULT_PRESET }} />
}

interface Past extends Shown, Stretch {
  title?: string
  /** What is shown, before somebody moves. */
  words: string
  /** Whether the estimate of the product is shown from the beginning. */
  product?: boolean
}

/** A stretch of the past, such as the hours around an alert. */
export function PastReadingsPanel({ from, to, title = 'Temperature then', words, ...shown }: Past) {
  const [views, setViews] = useState<View[]>([])
  const [isTable, setTable] = useState(false)
  const home = useMemo(() => ({ from, to }), [from, to])
  return (
    <ReadingsPanel
      {...shown}
      {...{ isTable, home }}
      title={title}
      words={views.length === 0 ? words : undefined}
      limited
      view={views.at(-1) ?? home}
      onView={(view, { replace }) => setViews((before) => [...(replace ? before.slice(0, -1) : before), view])}
      onBack={views.length > 0 ? () => setViews((before) => before.slice(0, -1)) : undefined}
      onTable={setTable}
    />
  )
}

interface PanelProps extends Shown, History {
  title: string
  /** What is shown, where neither a preset nor moments say it best. */
  words?: string
  /** What a reset leads to. */
  home: View
  /** On a page about something else: fewer choices. */
  limited?: boolean
  product?: boolean
}

function ReadingsPanel(props: PanelProps) {
  const { unit, limits, spans, title, view, onView, onBack, isTable, onTable, home, limited } = props
  const { organization } = useMember()
  const zone = useZone(unit.site)
  useEffect(() => void loadChart(), [])
  const isAll = 'preset' in view && view.preset === 'all'
  const earliest = useQuery({ ...earliestQuery(organization, unit.id), enabled: isAll }).data ?? undefined
  const { stretch, show, settle, choose } = useStretch(view, earliest, onView)
  const { readings, gap, names, resting, around, prefetch } = useReadings(unit, stretch)
  const series = readings.data
  const [isProduct, setProduct] = useState(props.product ?? false)
  const { labels, product } = useBeside(unit, stretch, around, isProduct)
  const estimate = useMemo(() => (product && series ? productLines(product, series) : {}), [product, series])
  const facts = series && summary(series.temperature, series.grain, stretch)
  const note = [series && grainWords(series.grain), clockWords(zone, stretch.to)]
  const common = { stretch, names, zone }
  return (
    <Panel
      title={title}
      actions={
        !limited && (
          <Presets
            view={view}
            onView={choose}
            onHint={(preset) => PRESETS[preset].ms && prefetch(stretchOf({ preset }, Date.now(), undefined))}
          />
        )
      }
    >
      <div className={classes.bar}>
        <p className={classes.stretch}>
          <strong>{stretchWords(stretch, zone)}</strong>
          {note.filter(Boolean).map((each) => ` · ${each}`)}
        </p>
        <Steps {...{ stretch, zone, onBack, isTable, onTable, limited }} onView={choose}>
          {!limited && <Export {...{ unit, stretch, zone }} />}
        </Steps>
      </div>
      {series?.shownFrom != null && stretch.from < series.shownFrom && <ShownFrom at={series.shownFrom} zone={zone} />}
      {!series && (
        <div className={classes.state}>
          {readings.error ? (
            <Trouble error={readings.error} retry={() => void readings.refetch()} />
          ) : (
            <Loading rows={7} />
          )}
        </div>
      )}
      {series && isTable && (
        <ReadingsTable
          {...{ ...common, series }}
          csv={readingsAddress(organization, unit.id, {
            ...stretch,
            resolution: series.grain.resolution,
            format: 'csv',
          })}
        />
      )}
      {series && !isTable && (
        <ChartArea
          {...{ ...common, series, gap, limits, spans, labels, estimate }}
          isProduct={isProduct}
          onProduct={setProduct}
          words={props.words ?? viewWords(view, stretch, zone)}
          isBusy={readings.isPlaceholderData}
          onShow={show}
          onSettle={settle}
          onReset={() => choose(home)}
          onStretch={choose}
        />
      )}
      {facts && (
        <Facts
          {...{ unit, facts, limits, labels, zone }}
          stretch={resting}
          grain={series.grain}
          together={Object.keys(series.temperature).length > 1}
        />
      )}
    </Panel>
  )
}

const NO_LABELS: UnitLabel[] = []

/** What is drawn beside the readings; nothing where it would be too much to see. */
function useBeside(unit: Unit, stretch: Stretch, around: Window, isProduct: boolean) {
  const { organization } = useMember()
  const live = around.to > Date.now()
  const span = stretch.to - stretch.from
  const isLabelled = span <= LONGEST_LABELLED
  const labels = useQuery({
    ...labelsQuery(organization, unit.id, around, live),
    placeholderData: keepPreviousData,
    enabled: isLabelled,
  }).data
  const product = useQuery({
    ...productQuery(organization, unit.id, around, live),
    placeholderData: keepPreviousData,
    enabled: isProduct && around.to - around.from <= LONGEST_ESTIMATED,
  }).data
  return { labels: (isLabelled && labels) || NO_LABELS, product: isProduct ? product : undefined }
}

function ShownFrom({ at, zone }: { at: number; zone: string | undefined }) {
  return (
    <p className={classes.notice} data-tone="info">
      <StatusMark tone="info" />
      <span>
        Your plan shows readings from {dayOf(at, zone)} on. Older ones are kept, and shown again with a plan that
        reaches further back.
      </span>
    </p>
  )
}

function Export({ unit, stretch, zone }: { unit: Unit; stretch: Stretch; zone: string | undefined }) {
  const [opened, setOpened] = useState(false)
  return (
    <>
      <Button variant="default" leftSection={<IconDownload size={18} />} onClick={() => setOpened(true)}>
        Export…
      </Button>
      {opened && (
        <Suspense fallback={null}>
          <ExportDialog {...{ unit, stretch, zone }} onClose={() => setOpened(false)} />
        </Suspense>
      )}
    </>
  )
}
