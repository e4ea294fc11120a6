/** Brings a file of readings onto the reader's disk, part by part, and tells how far it is. */

import { answer, api } from '@/shared/api/client'
import { FORMATS, RowCounter, type Wanted } from './exporting'

/**
 * disk: this browser writes each part to the file as it comes. memory: it collects the parts and saves them at the end.
 * browser: too much for that; its own downloads do it, without telling us how far they are.
 */
export type Way = 'disk' | 'memory' | 'browser'

/** More than this isn't collected in a tab's memory: phones end tabs for less. */
const MEMORY_BYTES = 100_000_000

interface Picker {
  showSaveFilePicker: (options: object) => Promise<FileSystemFileHandle>
}

const hasPicker = (window: object): window is Picker => 'showSaveFilePicker' in window

export function wayFor(bytes: number): Way {
  if (hasPicker(window)) return 'disk'
  return bytes <= MEMORY_BYTES ? 'memory' : 'browser'
}

export interface Progress {
  bytes: number
  /** Rows so far; null where only bytes can be counted. */
  rows: number | null
  /** Rows there will be, as far as the server knows. */
  total: number | null
  isExact: boolean
}

/** The file isn't whole: the server broke off, or the connection. */
export class BrokenOff extends Error {
  constructor(progress: Progress) {
    const rows = progress.rows === null ? '' : ` after ${new Intl.NumberFormat().format(progress.rows)} rows`
    super(`The download broke off${rows}. The part that came was thrown away; try again, or a shorter time.`)
    this.name = 'BrokenOff'
  }
}

interface Target {
  write: (part: Uint8Array<ArrayBuffer>) => Promise<void>
  finish: () => Promise<void>
  giveUp: () => Promise<void>
}

interface Order {
  organization: string
  unit: string
  wanted: Wanted
  name: string
  way: 'disk' | 'memory'
  signal: AbortSignal
  onProgress: (progress: Progress) => void
}

/**
 * Fetches and saves. Call it in a click's own turn: a browser that asks where to save wants that.
 * Raises Problem if the server refuses, BrokenOff if not all came, AbortError if the person gave up.
 */
export async function save(order: Order): Promise<Progress> {
  const target = order.way === 'disk' ? await onDisk(order) : inMemory(order.name)
  try {
    const progress = await fetchInto(target, order)
    await target.finish()
    return progress
  } catch (error) {
    await target.giveUp()
    throw error
  }
}

async function fetchInto(target: Target, { organization, unit, wanted, signal, onProgress }: Order): Promise<Progress> {
  const { from, to, resolution, format } = wanted
  const asked = api.GET('/api/v1/orgs/{organization}/units/{id}/readings/', {
    params: {
      path: { organization, id: unit },
      query: { from: new Date(from).toISOString(), to: new Date(to).toISOString(), resolution },
    },
    headers: { Accept: FORMATS[format].media },
    parseAs: 'stream',
    signal,
  })
  const body = (await answer(asked)) as ReadableStream<Uint8Array<ArrayBuffer>> | null
  const { headers } = (await asked).response
  const total = Number(headers.get('X-Total-Rows') ?? Number.NaN)
  const progress: Progress = {
    bytes: 0,
    rows: format === 'csv' ? 0 : null,
    total: Number.isNaN(total) ? null : total,
    isExact: headers.get('X-Total-Rows-Exact') === 'true',
  }
  onProgress({ ...progress })
  const counter = new RowCounter()
  const reader = body?.getReader()
  signal.addEventListener('abort', () => void reader?.cancel().catch(() => {}))
  try {
    for (;;) {
      const part = await reader?.read()
      if (!part || part.done) break
      await target.write(part.value)
      progress.bytes += part.value.byteLength
      if (progress.rows !== null) {
        counter.take(part.value)
        progress.rows = counter.rows
      }
      onProgress({ ...progress })
    }
  } catch (error) {
    if (signal.aborted) throw new DOMException('Cancelled', 'AbortError')
    throw error instanceof DOMException && error.name !== 'NetworkError' ? error : new BrokenOff(progress)
  }
  if (signal.aborted) throw new DOMException('Cancelled', 'AbortError')
  const { rows, isExact } = progress
  if (rows !== null && isExact && progress.total !== null && rows < progress.total) throw new BrokenOff(progress)
  return progress
}

async function onDisk({ name, wanted }: Order): Promise<Target> {
  const { media, label } = FORMATS[wanted.format]
  const handle = await (window as unknown as Picker).showSaveFilePicker({
    suggestedName: name,
    types: [{ description: label, accept: { [media]: [`.${wanted.format}`] } }],
  })
  // Until it is closed it is a file beside the chosen one: a part is never taken for the whole.
  const file = await handle.createWritable()
  return {
    write: (part) => file.write(part),
    finish: () => file.close(),
    giveUp: () => file.abort().catch(() => {}),
  }
}

function inMemory(name: string): Target {
  let parts: Uint8Array<ArrayBuffer>[] = []
  return {
    write: async (part) => {
      parts.push(part)
    },
    finish: async () => {
      const address = URL.createObjectURL(new Blob(parts))
      handOver(address, name)
      // The browser needs it until its own download has begun.
      setTimeout(() => URL.revokeObjectURL(address), 60_000)
    },
    giveUp: async () => {
      parts = []
    },
  }
}

/** Leaves a file to the browser's own downloads. */
export function handOver(address: string, name: string): void {
  const link = document.createElement('a')
  link.href = address
  link.download = name
  document.body.append(link)
  link.click()
  link.remove()
}
