/** Which role, and at which sites: the same fields for inviting and for changing. */

import { Checkbox, Radio, SegmentedControl, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type { Role, Site } from '@/shared/api/types'
import { may, useMember } from '@/shared/member'
import { sitesQuery } from '@/shared/sites'
import classes from './PlaceFields.module.css'
import type { Place } from './people'
import { canBeRestricted, ROLE_NAMES, ROLES } from './roles'

interface Props {
  place: Place
  onChange: (place: Place) => void
  errors: { role?: string | undefined; sites?: string | undefined }
}

const SEARCHED = 8

export function PlaceFields({ place, onChange, errors }: Props) {
  const member = useMember()
  const sites = useQuery(sitesQuery(member.organization)).data ?? []
  const offered = ROLE_NAMES.filter((role) => role !== 'owner' || may(member, 'owners.change'))
  const choose = (role: Role) => onChange({ role, sites: canBeRestricted(role) ? place.sites : null })
  return (
    <>
      <Radio.Group
        label="Role"
        size="md"
        value={place.role}
        onChange={(role) => choose(role as Role)}
        error={errors.role}
      >
        <div className={classes.roles}>
          {offered.map((role) => (
            <Radio
              key={role}
              value={role}
              label={ROLES[role].word}
              description={ROLES[role].sentence}
              classNames={{ root: classes.role, description: classes.sentence, labelWrapper: classes.words }}
            />
          ))}
        </div>
      </Radio.Group>
      {canBeRestricted(place.role) ? (
        <SitesField
          sites={sites}
          chosen={place.sites}
          onChange={(chosen) => onChange({ ...place, sites: chosen })}
          error={errors.sites}
        />
      ) : (
        <p className={classes.note}>{ROLES[place.role].word}s see all sites.</p>
      )}
    </>
  )
}

interface SitesProps {
  sites: Site[]
  chosen: string[] | null
  onChange: (sites: string[] | null) => void
  error: string | undefined
}

function SitesField({ sites, chosen, onChange, error }: SitesProps) {
  const id = useId()
  const [text, setText] = useState('')
  const found = sites.filter(({ name }) => name.toLowerCase().includes(text.trim().toLowerCase()))
  return (
    <fieldset className={classes.sites}>
      <legend id={id} className={classes.legend}>
        Sites
      </legend>
      <SegmentedControl
        aria-labelledby={id}
        fullWidth
        value={chosen === null ? 'all' : 'some'}
        onChange={(value) => onChange(value === 'all' ? null : [])}
        data={[
          { value: 'all', label: 'All sites' },
          { value: 'some', label: 'Only these' },
        ]}
      />
      {chosen !== null && (
        <>
          {sites.length > SEARCHED && (
            <TextInput
              aria-label="Find a site"
              placeholder="Find a site"
              value={text}
              onChange={(event) => setText(event.currentTarget.value)}
            />
          )}
          <div className={classes.list}>
            {found.map((site) => (
              <Checkbox
                key={site.id}
                label={site.name}
                checked={chosen.includes(site.id)}
                onChange={(event) =>
                  onChange(
                    event.currentTarget.checked ? [...chosen, site.id] : chosen.filter((each) => each !== site.id),
                  )
                }
                classNames={{ body: classes.site, labelWrapper: classes.words }}
              />
            ))}
            {found.length === 0 && <p className={classes.note}>No site has this name.</p>}
          </div>
        </>
      )}
      {error && (
        <p role="alert" className={classes.error}>
          {error}
        </p>
      )}
    </fieldset>
  )
}
