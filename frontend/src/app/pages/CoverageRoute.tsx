import { CoveragePage } from '@/features/coverage/CoveragePage'
import { Allowed } from './Allowed'

export function CoverageRoute() {
  return (
    <Allowed action="coverage.view" title="Coverage">
      <CoveragePage />
    </Allowed>
  )
}
