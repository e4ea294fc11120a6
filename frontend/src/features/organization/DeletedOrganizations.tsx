import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Organization } from '@/shared/api/types'
import { Refusal } from '@/shared/ui/Dialog'
import { Panel } from '@/shared/ui/Panel'
import { toast } from '@/shared/ui/toast'
import { moment } from '@/shared/units'
import classes from './Form.module.css'
import { deletedOrganizationsQuery, refetchMe, restoreOrganization } from './queries'

/** Deleted organizations that the person owned and can bring back. Nothing where there are none. */
export function DeletedOrganizations() {
  const deleted = useQuery(deletedOrganizationsQuery).data
  if (!deleted || deleted.length === 0) return null
  return (
    <Panel title="Deleted organizations" flush>
      <ul className={classes.parts}>
        {deleted.map((organization) => (
          <Deleted key={organization.id} organization={organization} />
        ))}
      </ul>
    </Panel>
  )
}

function Deleted({ organization }: { organization: Organization }) {
  const client = useQueryClient()
  const restoring = useMutation({
    mutationFn: () => restoreOrganization(organization.slug),
    onSuccess: async () => {
      toast({ tone: 'ok', title: `${organization.name} is back`, seconds: 4 })
      await Promise.all([client.invalidateQueries(deletedOrganizationsQuery), refetchMe(client)])
    },
  })
  return (
    <li className={classes.part}>
      <div>
        <p className={classes.what}>{organization.name}</p>
        <p className={classes.about}>
          {organization.deleted_at && `Deleted ${moment(organization.deleted_at)}. `}
          {organization.purge_at && `Gone for good after ${moment(organization.purge_at)}.`}
        </p>
        <Refusal error={restoring.error} />
      </div>
      <Button
        variant="default"
        loading={restoring.isPending}
        onClick={() => restoring.mutate()}
        aria-label={`Restore ${organization.name}`}
      >
        Restore
      </Button>
    </li>
  )
}
