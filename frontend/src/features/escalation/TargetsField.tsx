import { Select } from '@mantine/core'
import { useId, useRef } from 'react'
import type { Role } from '@/shared/api/types'
import { IconClose } from '@/shared/ui/icons'
import { MOST_TARGETS } from './draft'
import classes from './Policy.module.css'
import type { Target } from './queries'
import { nameOf, type People, ROLE_TARGETS, targetWords } from './words'

interface Props {
  targets: Target[]
  onTargets: (targets: Target[]) => void
  people: People
  error: string | undefined
}

const keyOf = (target: Target): string => Object.entries(target).flat().join(':')

function targetOf(key: string): Target {
  const at = key.indexOf(':')
  return { [key.slice(0, at)]: key.slice(at + 1) }
}

/** Those with rights over alerts first; nobody looks for viewers. */
const ROLES: Role[] = ['manager', 'staff', 'admin', 'owner', 'viewer']

/** Who a step tells, as chips: roles, people, and whoever is on duty. */
export function TargetsField({ targets, onTargets, people, error }: Props) {
  const label = useId()
  const field = useRef<HTMLInputElement>(null)
  const chosen = new Set(targets.map(keyOf))
  const option = (target: Target, label: string) => ({ value: keyOf(target), label })
  const groups = [
    { group: 'Roles', items: ROLES.map((role) => option({ role }, ROLE_TARGETS[role].chip)) },
    {
      group: 'People',
      items: people.colleagues.map((colleague) => option({ person: colleague.user.id }, nameOf(colleague))),
    },
    { group: 'On duty', items: people.schedules.map(({ id, name }) => option({ schedule: id }, `On duty: ${name}`)) },
  ]
  const data = groups
    .map(({ group, items }) => ({ group, items: items.filter(({ value }) => !chosen.has(value)) }))
    .filter(({ items }) => items.length > 0)
  return (
    <div>
      <span id={label} className={classes.label}>
        Tell
      </span>
      {targets.length > 0 && (
        <ul className={classes.chips} aria-label="Told">
          {targets.map((target) => {
            const words = targetWords(target, people)
            return (
              <li key={keyOf(target)} className={classes.chip}>
                {words}
                <button
                  type="button"
                  className={classes.off}
                  aria-label={`Don't tell ${words}`}
                  onClick={() => {
                    onTargets(targets.filter((each) => each !== target))
                    field.current?.focus()
                  }}
                >
                  <IconClose size={16} />
                </button>
              </li>
            )
          })}
        </ul>
      )}
      <Select
        ref={field}
        aria-labelledby={label}
        placeholder={targets.length > 0 ? 'And…' : 'A role, a person, whoever is on duty…'}
        size="md"
        value={null}
        onChange={(value) => value && onTargets([...targets, targetOf(value)])}
        data={data}
        error={error}
        disabled={targets.length >= MOST_TARGETS}
        searchable
        limit={200}
        nothingFoundMessage="Nobody of that name"
      />
    </div>
  )
}
