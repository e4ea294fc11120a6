import { getRouteApi } from '@tanstack/react-router'
import { SettingsPage } from '@/features/organization/SettingsPage'
import { Allowed } from './Allowed'

const route = getRouteApi('/signed-in/o/$org/settings')

export function SettingsRoute() {
  const navigate = route.useNavigate()
  return (
    <Allowed action="organization.change" title="Settings">
      <SettingsPage
        onMoved={(org) => void navigate({ to: '/o/$org/settings', params: { org }, replace: true })}
        onGone={() => void navigate({ to: '/' })}
      />
    </Allowed>
  )
}
