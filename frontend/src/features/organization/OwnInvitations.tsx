import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Offer } from '@/shared/api/types'
import { Refusal } from '@/shared/ui/Dialog'
import { Panel } from '@/shared/ui/Panel'
import { moment } from '@/shared/units'
import classes from './Form.module.css'
import { acceptOwnInvitation, ownInvitationsQuery } from './people'
import { refetchMe } from './queries'
import { ROLES } from './roles'

/** Invitations that wait for the person. Nothing where there are none. */
export function OwnInvitations({ onJoined }: { onJoined: (slug: string) => void }) {
  const offers = useQuery(ownInvitationsQuery).data
  if (!offers || offers.length === 0) return null
  return (
    <Panel title="You are invited" flush>
      <ul className={classes.parts}>
        {offers.map((offer) => (
          <Waiting key={offer.id} offer={offer} onJoined={onJoined} />
        ))}
      </ul>
    </Panel>
  )
}

function Waiting({ offer, onJoined }: { offer: Offer; onJoined: (slug: string) => void }) {
  const client = useQueryClient()
  const joining = useMutation({
    mutationFn: () => acceptOwnInvitation(offer.id),
    onSuccess: async ({ org }) => {
      await Promise.all([client.invalidateQueries(ownInvitationsQuery), refetchMe(client)])
      onJoined(org.slug)
    },
  })
  const from = offer.invited_by && (offer.invited_by.name || offer.invited_by.email)
  return (
    <li className={classes.part}>
      <div>
        <p className={classes.what}>{offer.organization.name}</p>
        <p className={classes.about}>
          {`As ${ROLES[offer.role].word.toLowerCase()}${from ? `, by ${from}` : ''}. Until ${moment(offer.expires_at)}.`}
        </p>
        <Refusal error={joining.error} />
      </div>
      <Button
        loading={joining.isPending}
        onClick={() => joining.mutate()}
        aria-label={`Join ${offer.organization.name}`}
      >
        Join
      </Button>
    </li>
  )
}
