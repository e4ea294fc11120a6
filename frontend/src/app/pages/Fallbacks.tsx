/** What stands where a page can't: on its way, not there, or broken. */

import { type ErrorComponentProps, Link, useRouter } from '@tanstack/react-router'
import { IconMap } from '@/shared/ui/icons'
import { Logo } from '@/shared/ui/Logo'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { useTitle } from '@/shared/ui/useTitle'
import classes from './Fallbacks.module.css'

export function Starting() {
  return (
    <div className={classes.start} role="status" aria-label="FreshTrack is starting">
      <Logo size={48} />
    </div>
  )
}

export function LoadingPage() {
  return (
    <div className={classes.page}>
      <Panel>
        <Loading rows={8} />
      </Panel>
    </div>
  )
}

export function TroublePage({ error, retry }: { error: Error; retry: () => void }) {
  return (
    <div className={classes.page}>
      <Panel>
        <Trouble error={error} retry={retry} />
      </Panel>
    </div>
  )
}

/** An error that no panel caught. */
export function Broken({ error }: ErrorComponentProps) {
  const router = useRouter()
  return (
    <main>
      <TroublePage
        error={error instanceof Error ? error : new Error(String(error))}
        retry={() => void router.invalidate()}
      />
    </main>
  )
}

/** An address that leads nowhere. */
export function NotFound() {
  useTitle('Not found')
  return (
    <main>
      <Page title="There is nothing here">
        <Panel>
          <Empty icon={<IconMap />} title="This address leads nowhere">
            <p className={classes.words}>It may be mistyped, or what it led to may be gone.</p>
            <Link to="/" className={classes.link}>
              Go to the dashboard
            </Link>
          </Empty>
        </Panel>
      </Page>
    </main>
  )
}

/** A good address of something that is gone, or of somebody else. */
export function Missing({ what }: { what: string }) {
  useTitle('Not found')
  return (
    <Page title={`No such ${what}`}>
      <Panel>
        <Empty icon={<IconMap />} title={`This ${what} doesn't exist, or isn't yours to see`}>
          <Link to="/" className={classes.link}>
            Go to the dashboard
          </Link>
        </Empty>
      </Panel>
    </Page>
  )
}
