import { Menu } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { Membership } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { IconCheck, IconChevronDown, IconPlus } from '@/shared/ui/icons'
import classes from './OrganizationMenu.module.css'

/** Which organization this is, and the way to the others and to a new one. */
export function OrganizationMenu({ memberships }: { memberships: readonly Membership[] }) {
  const { organization, organizationName } = useMember()
  return (
    <Menu position="bottom-start" width="target" shadow="md">
      <Menu.Target>
        <button type="button" className={classes.button} aria-label={`Organization: ${organizationName}`}>
          <span className={classes.mark} aria-hidden="true">
            {initial(organizationName)}
          </span>
          <span className={classes.name}>{organizationName}</span>
          <IconChevronDown size={18} />
        </button>
      </Menu.Target>
      <Menu.Dropdown className={classes.dropdown}>
        {memberships.map(({ org }) => (
          <Menu.Item
            key={org.slug}
            renderRoot={(props) => <Link to="/o/$org" params={{ org: org.slug }} {...props} />}
            aria-current={org.slug === organization ? 'true' : undefined}
            rightSection={org.slug === organization && <IconCheck size={18} />}
          >
            {org.name}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item
          renderRoot={(props) => <Link to="/new-organization" {...props} />}
          leftSection={<IconPlus size={18} />}
        >
          New organization
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

export const initial = (name: string): string => (Array.from(name.trim())[0] ?? '?').toUpperCase()
