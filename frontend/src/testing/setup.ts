/** What jsdom lacks, and the network: every request of a test is answered by src/testing/backend.ts or fails it. */

import '@testing-library/jest-dom/vitest'
import { notifications } from '@mantine/notifications'
import { cleanup, configure } from '@testing-library/react'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { server } from './server'

window.matchMedia = (media) => ({
  media,
  matches: false,
  onchange: null,
  addEventListener: () => {},
  removeEventListener: () => {},
  addListener: () => {},
  removeListener: () => {},
  dispatchEvent: () => false,
})

window.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
}

Object.defineProperty(document, 'fonts', { value: new EventTarget() })

// Nothing has a place or a size in jsdom, so every menu and list of options would count as scrolled out of sight.
window.HTMLElement.prototype.getBoundingClientRect = () => new DOMRect(10, 10, 100, 20)
Object.defineProperties(document.documentElement, { clientWidth: { value: 1024 }, clientHeight: { value: 768 } })

window.scrollTo = () => {}
window.HTMLElement.prototype.scrollIntoView = () => {}

// jsdom draws nothing: a chart is judged by its words here and by its picture in the browser's tests.
const pen = new Proxy(
  {},
  { get: (_, name) => (name === 'measureText' ? () => ({ width: 0 }) : () => {}), set: () => true },
)
window.HTMLCanvasElement.prototype.getContext = (() => pen) as unknown as HTMLCanvasElement['getContext']
window.Path2D = class {
  moveTo() {}
  lineTo() {}
  rect() {}
  arc() {}
  addPath() {}
  closePath() {}
} as unknown as typeof Path2D

// A cold start of a lazily loaded page takes more than the default second on a busy machine.
configure({ asyncUtilTimeout: 15_000 })

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))

afterEach(() => {
  cleanup()
  notifications.clean()
  server.resetHandlers()
  localStorage.clear()
  // biome-ignore lint/suspicious/noDocumentCookie: jsdom has no cookieStore
  document.cookie = 'csrftoken=; Max-Age=0'
})

afterAll(() => server.close())
