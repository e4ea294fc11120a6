import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Site } from '@/shared/api/types'
import { useMember } from '@/shared/member'
import { sitesQuery } from '@/shared/sites'
import { IconChevronRight, IconStore } from '@/shared/ui/icons'
import { Page } from '@/shared/ui/Page'
import { Panel } from '@/shared/ui/Panel'
import { Empty, Loading, Trouble } from '@/shared/ui/states'
import { linesOf } from './hours'
import { JURISDICTIONS, jurisdictionOf } from './laws'
import classes from './Sites.module.css'

/** Where everything is: when each place is open, and whose law applies there. */
export function SitesPage() {
  const { organization, organizationName } = useMember()
  const sites = useQuery(sitesQuery(organization))
  return (
    <Page title="Sites" above={organizationName} below="When each place is open, and whose legal limits apply there.">
      <Panel flush>
        {sites.isPending && <Loading rows={4} />}
        {sites.error && !sites.data && <Trouble error={sites.error} retry={() => void sites.refetch()} />}
        {sites.data?.length === 0 && <Empty icon={<IconStore />} title="There are no sites yet" />}
        {sites.data && sites.data.length > 0 && (
          <ul className={classes.list}>
            {sites.data.map((site) => (
              <Row key={site.id} site={site} />
            ))}
          </ul>
        )}
      </Panel>
    </Page>
  )
}

function Row({ site }: { site: Site }) {
  const { organization } = useMember()
  const lines = linesOf(site.opening_hours)
  const hours = lines.map(({ days, hours: open }) => `${days} ${open}`).join(' · ')
  return (
    <li className={classes.row}>
      <div className={classes.what}>
        <Link to="/o/$org/sites/$site" params={{ org: organization, site: site.id }} className={classes.link}>
          {site.name}
        </Link>
        {site.address && <span className={classes.small}>{site.address}</span>}
        <span className={classes.small}>{hours}</span>
        <span className={classes.small}>{JURISDICTIONS[jurisdictionOf(site)]}</span>
      </div>
      <span className={classes.arrow}>
        <IconChevronRight size={18} />
      </span>
    </li>
  )
}
