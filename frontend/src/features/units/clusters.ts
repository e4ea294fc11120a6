/** Alerts whose marks would lie on each other are shown as one. Pure. */

import type { Span } from './limits'
import type { Stretch } from './range'

/** A finger needs so many pixels. */
const MARK_WIDTH = 28
const RANK = { info: 0, warning: 1, critical: 2 }

export interface Cluster {
  /** Oldest first. */
  spans: Span[]
  worst: Span
  /** Where it stands, from 0 to 1: the beginning of its first alert, or the edge if that lies before. */
  share: number
}

export function clusters(spans: Span[], { from, to }: Stretch, width: number): Cluster[] {
  const shareOf = (span: Span) => Math.min(Math.max((span.from - from) / (to - from), 0), 1)
  const seen = spans
    .filter((span) => span.from < to && (span.to ?? Number.POSITIVE_INFINITY) > from)
    .sort((a, b) => a.from - b.from)
  const groups: Cluster[] = []
  let last = Number.NEGATIVE_INFINITY
  for (const span of seen) {
    const share = shareOf(span)
    const group = groups.at(-1)
    if (group && (share - last) * width < MARK_WIDTH) {
      group.spans.push(span)
      if (RANK[span.severity] > RANK[group.worst.severity]) group.worst = span
    } else {
      groups.push({ spans: [span], worst: span, share })
      last = share
    }
  }
  return groups
}
