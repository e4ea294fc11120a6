import { Button } from '@mantine/core'
import { useBlocker } from '@tanstack/react-router'
import { createContext, useContext, useEffect, useId, useRef } from 'react'
import { Complaint } from '@/shared/ui/Complaint'
import { Dialog, Words } from '@/shared/ui/Dialog'
import { StatusMark } from '@/shared/ui/StatusBadge'
import { clock } from '@/shared/units'
import classes from './Telling.module.css'

/** Which forms on the page hold what isn't saved. */
const Unsaved = createContext<Set<string>>(new Set())

/** Asks before the page is left with changes: once, however many of its forms have some. */
export function AskBeforeLeaving({ children }: { children: React.ReactNode }) {
  const { current: unsaved } = useRef(new Set<string>())
  const isUnsaved = () => unsaved.size > 0
  const leaving = useBlocker({ shouldBlockFn: isUnsaved, enableBeforeUnload: isUnsaved, withResolver: true })
  return (
    <Unsaved value={unsaved}>
      {children}
      <Dialog
        title="Leave without saving?"
        opened={leaving.status === 'blocked'}
        onClose={() => leaving.reset?.()}
        onSubmit={() => leaving.proceed?.()}
        submit="Leave"
        cancel="Stay"
        danger
        pending={false}
      >
        <Words>What you changed on this page isn't saved yet.</Words>
      </Dialog>
    </Unsaved>
  )
}

interface Props {
  /** Something differs from what the server has. */
  changed: boolean
  pending: boolean
  error: Error | null
  /** When it was saved here last; null: not since the page was opened. */
  savedAt: number | null
  onSave: () => void
  onUndo: () => void
}

/** Whether what is on the screen is what counts, and the way to make it so. */
export function SaveBar({ changed, pending, error, savedAt, onSave, onUndo }: Props) {
  const id = useId()
  const unsaved = useContext(Unsaved)
  useEffect(() => {
    if (changed) unsaved.add(id)
    return () => void unsaved.delete(id)
  }, [changed, id, unsaved])
  return (
    <div className={classes.save} data-changed={changed || undefined}>
      <Complaint error={error} />
      <p role="status" className={classes.state}>
        {pending && 'Saving…'}
        {!pending && changed && (
          <>
            <StatusMark tone="warning" />
            Not saved yet
          </>
        )}
        {!pending && !changed && savedAt !== null && (
          <>
            <StatusMark tone="ok" />
            {`Saved at ${clock(savedAt)}`}
          </>
        )}
      </p>
      <div className={classes.buttons}>
        <Button onClick={onSave} loading={pending} disabled={!changed}>
          Save
        </Button>
        {changed && (
          <Button variant="default" aria-label="Undo changes" onClick={onUndo} disabled={pending}>
            Undo
          </Button>
        )}
      </div>
    </div>
  )
}
