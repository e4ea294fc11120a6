/** What was going on in a unit beside its readings: defrosts, open doors, and how warm the product was by estimate. */

import { queryOptions } from '@tanstack/react-query'
import { answer, api } from '@/shared/api/client'
import type { ProductTemperature, UnitLabel } from '@/shared/api/types'
import { DAY } from '@/shared/zone'
import type { Grain, Stretch, Window } from './range'
import { type Lines, lengthOf, type Point, type Series } from './series'

/** In longer stretches there are so many that one sees nothing but them. */
export const LONGEST_LABELLED = 16 * DAY
/** What the server estimates at once. */
export const LONGEST_ESTIMATED = 100 * DAY
const MOST_POINTS = 2000

const rangeOf = ({ from, to }: Stretch) => ({ from: new Date(from).toISOString(), to: new Date(to).toISOString() })

export const labelsQuery = (organization: string, unit: string, window: Window, live: boolean) =>
  queryOptions({
    queryKey: ['labels', organization, unit, live ? 'live' : 'past', window.from, window.to],
    queryFn: async ({ signal }): Promise<UnitLabel[]> => {
      const { results } = await answer(
        api.GET('/api/v1/orgs/{organization}/units/{id}/labels/', {
          params: { path: { organization, id: unit }, query: rangeOf(window) },
          signal,
        }),
      )
      return results
    },
    staleTime: 60_000,
    refetchInterval: live ? 60_000 : false,
    gcTime: 3 * 60_000,
  })

export const productQuery = (organization: string, unit: string, window: Window, live: boolean) =>
  queryOptions({
    queryKey: ['product-temperature', organization, unit, live ? 'live' : 'past', window.from, window.to],
    queryFn: ({ signal }): Promise<ProductTemperature> =>
      answer(
        api.GET('/api/v1/orgs/{organization}/units/{id}/product-temperature/', {
          params: { path: { organization, id: unit }, query: { ...rangeOf(window), max_points: MOST_POINTS } },
          signal,
        }),
      ),
    staleTime: 60_000,
    refetchInterval: live ? 60_000 : false,
    gcTime: 3 * 60_000,
  })

/** Stretches of one kind, without those that only hidden sensors tell of. */
export function stretchesOf(labels: UnitLabel[], kind: UnitLabel['kind'], hidden: ReadonlySet<string>): Stretch[] {
  return labels
    .filter((label) => label.kind === kind && !hidden.has(label.sensor))
    .map(({ from, to }) => ({ from: Date.parse(from), to: Date.parse(to) }))
}

/** The line of a product beside the line of its sensor's air. */
export const productLine = (line: string): string => `product:${line}`
export const airLine = (line: string): string => line.replace(/^product:/, '')
export const isProduct = (line: string): boolean => line.startsWith('product:')

/** The estimate as lines of the chart: as it is beside single readings, else in the same hours or days as the air. */
export function productLines(estimate: ProductTemperature, series: Series): Lines {
  const lines: Record<string, Point[]> = {}
  const together = '' in series.temperature
  for (const { at, sensor, product_temperature: value } of estimate.results) {
    const line = productLine(together ? '' : sensor)
    const points = lines[line] ?? []
    lines[line] = points
    points.push({ at: Date.parse(at), low: value, mid: value, high: value, count: 1 })
  }
  if (series.grain.resolution === 'raw') return lines
  return Object.fromEntries(
    Object.entries(lines).map(([line, points]) => {
      return [line, bucketed(points, series.temperature[airLine(line)] ?? [], series.grain)]
    }),
  )
}

/** Points summed up in the buckets of another line; both ascend. */
function bucketed(points: Point[], buckets: Point[], grain: Grain): Point[] {
  const length = lengthOf(grain)
  let next = 0
  return buckets.flatMap(({ at }) => {
    while ((points[next]?.at ?? Number.POSITIVE_INFINITY) < at) next += 1
    const own: Point[] = []
    while ((points[next]?.at ?? Number.POSITIVE_INFINITY) < at + length) {
      own.push(points[next] as Point)
      next += 1
    }
    if (own.length === 0) return []
    const sum = own.reduce((all, point) => all + point.mid, 0)
    const [low, high] = [Math.min(...own.map((p) => p.low)), Math.max(...own.map((p) => p.high))]
    return [{ at, low, mid: sum / own.length, high, count: own.length }]
  })
}
