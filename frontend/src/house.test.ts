import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import openapiTS, { astToString } from 'openapi-typescript'
import { expect, it } from 'vitest'

const SRC = join(import.meta.dirname)

const modules = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
  (path) =>
    /\.tsx?$/.test(path) && !/\.test\.tsx?$/.test(path) && !path.startsWith('testing') && !path.endsWith('.d.ts'),
)

/** What a module imports of ours, as paths below src/. */
function imports(path: string): string[] {
  const text = readFileSync(join(SRC, path), 'utf8')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'((?:@\/|\.)[^']+)'/g)].map(([, target = '']) =>
    target.startsWith('@/') ? target.slice(2) : relative(SRC, join(SRC, path, '..', target)),
  )
}

/** app, features/alerts, shared … */
const room = (path: string): string =>
  path
    .split('/')
    .slice(0, path.startsWith('features/') ? 2 : 1)
    .join('/')
const floor = (path: string): number => ['shared', 'features', 'app'].indexOf(path.split('/')[0] ?? '')

it('has modules that only import from below, and features that do not know each other', () => {
  expect(modules.length).toBeGreaterThan(30)
  const wrong = modules
    .filter((path) => path.includes('/')) // main.tsx stands above the house
    .flatMap((path) =>
      imports(path)
        .filter((target) => room(target) !== room(path) && floor(target) >= floor(path))
        .map((target) => `${path} imports ${target}`),
    )
  expect(wrong).toEqual([])
})

it('fetches and opens sockets in one place each', () => {
  const using = (word: RegExp) => modules.filter((path) => word.test(readFileSync(join(SRC, path), 'utf8')))
  expect(using(/\bfetch\(/)).toEqual(['shared/api/client.ts'])
  expect(using(/new WebSocket\(/)).toEqual(['shared/live.ts'])
})

it('has types in step with openapi.json', async () => {
  const description = readFileSync(join(SRC, '..', 'openapi.json'), 'utf8')
  const types = astToString(await openapiTS(description))
  const kept = readFileSync(join(SRC, 'shared', 'api', 'schema.d.ts'), 'utf8')
  expect(kept.endsWith(types), 'run `npm run generate`').toBe(true)
})

it('has a lock file that every npm and every platform accepts', () => {
  const lock = JSON.parse(readFileSync(join(SRC, '..', 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { resolved?: string; optionalDependencies?: Record<string, string> }>
  }
  const installed = Object.keys(lock.packages)
  // npm 11 refuses a lock file that lacks the builds for other platforms; npm 10 would install none of them there.
  const missing = Object.values(lock.packages)
    .flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies))
    .filter((name) => !installed.some((path) => path.endsWith(`node_modules/${name}`)))
  expect(missing).toEqual([])
  // Addresses of registries are the installer's business.
  expect(Object.values(lock.packages).filter(({ resolved }) => resolved?.startsWith('http'))).toEqual([])
})
