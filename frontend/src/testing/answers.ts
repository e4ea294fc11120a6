/** How the small backend answers: pages and problems in the shapes of the real one. */

import { HttpResponse } from 'msw'

export const HERE = window.location.origin
export const ORG = `${HERE}/api/v1/orgs/:org`

export function problem(status: number, code: string, detail: string, errors: unknown[] = []) {
  return HttpResponse.json({ title: code, status, code, detail, errors, request_id: 'req-1' }, { status })
}

/** One page of what matches the query, with the address of the next. */
export function page<T extends object>(request: Request, rows: T[], filters: string[]) {
  const { searchParams } = new URL(request.url)
  const wanted = rows.filter((row) =>
    filters.every((name) => !searchParams.has(name) || row[name as keyof T] === searchParams.get(name)),
  )
  const size = Number(searchParams.get('page_size') ?? 100)
  const start = Number(searchParams.get('cursor') ?? 0)
  const end = start + size
  const next = end < wanted.length ? `${request.url.split('?')[0]}?cursor=${end}` : null
  return HttpResponse.json({ results: wanted.slice(start, end), next, previous: null })
}
