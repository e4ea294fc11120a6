import { MutesPage } from '@/features/mutes/MutesPage'
import { Allowed } from './Allowed'
import { useColleagues, useSubjects } from './usePlaces'

export function MutesRoute() {
  return (
    <Allowed action="mutes.view" title="Mutes">
      <Mutes />
    </Allowed>
  )
}

function Mutes() {
  const subjects = useSubjects()
  const colleagues = useColleagues(null)
  return <MutesPage {...{ subjects, colleagues }} />
}
