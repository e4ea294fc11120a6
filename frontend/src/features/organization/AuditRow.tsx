import { Button } from '@mantine/core'
import { useState } from 'react'
import type { AuditEvent } from '@/shared/api/types'
import { DataList } from '@/shared/ui/DataList'
import { IconChevronRight } from '@/shared/ui/icons'
import { clock } from '@/shared/units'
import classes from './AuditPage.module.css'
import { changesOf, deed, doer, fieldWords, type NameOf, origin, valueWords, viaWords } from './auditWords'

interface Props {
  event: AuditEvent
  nameOf: NameOf
  /** Shows everything that happened to the same object. */
  onObject: (id: string) => void
}

/** One change as a sentence; opened, what was before and after, and where it came from. */
export function AuditRow({ event, nameOf, onObject }: Props) {
  const [open, setOpen] = useState(false)
  return (
    <li>
      <details open={open} onToggle={(toggled) => setOpen(toggled.currentTarget.open)}>
        <summary className={classes.row}>
          <time dateTime={event.at} className={classes.time}>
            {clock(event.at)}
          </time>
          <span className={classes.what}>
            <span>
              <strong>{doer(event)}</strong> {deed(event, nameOf)}
            </span>
            <span className={classes.origin}>{origin(event)}</span>
          </span>
          <span className={classes.arrow}>
            <IconChevronRight size={18} />
          </span>
        </summary>
        {open && <Details {...{ event, nameOf, onObject }} />}
      </details>
    </li>
  )
}

function Details({ event, nameOf, onObject }: Props) {
  const changes = changesOf(event)
  return (
    <div className={classes.details}>
      {changes.length > 0 && (
        <table className={classes.changes}>
          <thead>
            <tr>
              <th scope="col">Field</th>
              {event.action !== 'create' && <th scope="col">Before</th>}
              {event.action !== 'delete' && <th scope="col">After</th>}
            </tr>
          </thead>
          <tbody>
            {changes.map(([field, { before, after }]) => (
              <tr key={field}>
                <th scope="row">{fieldWords(field)}</th>
                {event.action !== 'create' && <td>{valueWords(field, before, nameOf)}</td>}
                {event.action !== 'delete' && <td>{valueWords(field, after, nameOf)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <DataList
        facts={[
          { term: 'Person', value: event.actor ? event.actor.email : 'Nobody: it happened by itself' },
          { term: 'Through', value: viaWords(event.via) },
          Boolean(event.address) && { term: 'From', value: event.address },
          Boolean(event.site) && { term: 'Site', value: nameOf(event.site ?? '') ?? event.site },
          Boolean(event.request_id) && { term: 'Request', value: event.request_id },
          { term: 'Object id', value: event.object_id },
        ]}
      />
      <Button variant="default" className={classes.only} onClick={() => onObject(event.object_id)}>
        Everything that happened to it
      </Button>
    </div>
  )
}
