import { useEffect } from 'react'

let openAlerts = 0
let page = ''

function write(): void {
  const count = openAlerts > 99 ? '99+' : String(openAlerts)
  document.title = [openAlerts > 0 && `(${count})`, page && `${page} ·`, 'FreshTrack'].filter(Boolean).join(' ')
}

/** Names the browser's tab after the page. */
export function useTitle(title: string): void {
  useEffect(() => {
    page = title
    write()
  }, [title])
}

/** Puts the number of open alerts before the title: seen in a tab that nobody looks at. */
export function useTitleBadge(count: number): void {
  useEffect(() => {
    openAlerts = count
    write()
    return () => {
      openAlerts = 0
      write()
    }
  }, [count])
}
