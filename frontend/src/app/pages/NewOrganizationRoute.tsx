import { useNavigate } from '@tanstack/react-router'
import { DeletedOrganizations } from '@/features/organization/DeletedOrganizations'
import { NewOrganizationForm } from '@/features/organization/NewOrganizationForm'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { useTitle } from '@/shared/ui/useTitle'
import { Outside } from '../Outside'

export function NewOrganizationRoute() {
  const navigate = useNavigate()
  useTitle('New organization')
  return (
    <Outside>
      <Page title="New organization" below="A company with its own sites, people and records. You will be its owner.">
        <Panel>
          <NewOrganizationForm onCreated={(org) => void navigate({ to: '/o/$org', params: { org } })} />
        </Panel>
        <DeletedOrganizations />
      </Page>
    </Outside>
  )
}
