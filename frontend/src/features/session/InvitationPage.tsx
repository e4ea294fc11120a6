import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { type Outcome, SIGNED_IN } from '@/shared/api/accounts'
import { Problem } from '@/shared/api/client'
import type { Role } from '@/shared/api/types'
import { Complaint } from '@/shared/ui/Complaint'
import { Trouble } from '@/shared/ui/states'
import { moment } from '@/shared/units'
import { Entrance } from './Entrance'
import classes from './Entrance.module.css'
import { acceptInvitation, type Invited, invitationQuery, signOutFor } from './invitations'
import { meQuery, pendingQuery, startOver } from './queries'
import { SecondStep } from './SecondStep'
import { SignInForm } from './SignInForm'
import { SignUpForm } from './SignUpForm'

interface Props {
  token: string
  /** What a role is called, and what it may do. */
  describe: (role: Role) => { word: string; sentence: string }
  onJoined: (organization: string) => void
  /** The account asks for its address to be confirmed first. */
  onVerify: () => void
}

/** Where the link of an invitation leads: who invites to what, and the shortest way in for whoever opens it. */
export function InvitationPage(props: Props) {
  // Signing out forgets everything; what stands here then begins anew.
  const [round, setRound] = useState(0)
  return <Invitation key={round} {...props} onSignedOut={() => setRound(round + 1)} />
}

function Invitation({ token, describe, onJoined, onVerify, onSignedOut }: Props & { onSignedOut: () => void }) {
  const client = useQueryClient()
  const invitation = useQuery(invitationQuery(token))
  const me = useQuery(meQuery)
  const pending = useQuery(pendingQuery).data
  const joining = useMutation({
    mutationFn: () => acceptInvitation(client, token),
    onSuccess: ({ org }) => onJoined(org.slug),
    // It may have been withdrawn or used while the page was open.
    onError: () => client.invalidateQueries(invitationQuery(token)),
  })
  const leaving = useMutation({ mutationFn: () => signOutFor(client, token), onSuccess: onSignedOut })
  if (invitation.error) return <Unknown error={invitation.error} retry={() => void invitation.refetch()} />
  if (!invitation.data || me.isPending) return <Entrance title="Looking for your invitation…" />
  const offer = invitation.data
  const own = me.data?.email.toLowerCase() === offer.email.toLowerCase()
  if (offer.state !== 'pending') return <Closed offer={offer} signedIn={!!me.data} />
  const onOutcome = (came: Outcome) => {
    if (came === SIGNED_IN) joining.mutate()
    else if (came.step === 'verify_email') onVerify()
  }
  if (!me.data && pending?.step === 'mfa_authenticate') {
    return <SecondStep types={pending.types} onOutcome={onOutcome} onStartOver={() => void startOver(client)} />
  }
  const from = offer.invited_by && (offer.invited_by.name || offer.invited_by.email)
  const role = describe(offer.role)
  return (
    <Entrance
      title={`Join ${offer.organization.name}`}
      words={from ? `${from} invites you to FreshTrack.` : 'You are invited to FreshTrack.'}
    >
      <div className={classes.facts}>
        <p>
          As <strong>{role.word.toLowerCase()}</strong>. {role.sentence}
        </p>
        <p>{`For ${offer.email}, until ${moment(offer.expires_at)}.`}</p>
      </div>
      <div className={classes.form}>
        <Complaint error={joining.error ?? leaving.error} />
      </div>
      {me.data && own && (
        <Button size="md" fullWidth loading={joining.isPending} onClick={() => joining.mutate()}>
          Join
        </Button>
      )}
      {me.data && !own && (
        <div className={classes.form}>
          <p className={classes.note}>
            You are signed in as <strong>{me.data.email}</strong>, but this invitation is for{' '}
            <strong>{offer.email}</strong>.
          </p>
          <Button size="md" fullWidth loading={leaving.isPending} onClick={() => leaving.mutate()}>
            Sign out and continue
          </Button>
          <Button component={Link} to="/" variant="default" size="md" fullWidth>
            Stay signed in
          </Button>
        </div>
      )}
      {!me.data && offer.has_account && (
        <SignInForm email={offer.email} next={`/invitation/${token}`} onOutcome={onOutcome} />
      )}
      {!me.data && !offer.has_account && (
        <SignUpForm email={offer.email} submit="Create account and join" onOutcome={onOutcome} />
      )}
    </Entrance>
  )
}

const CLOSED: Record<string, { title: string; words: string }> = {
  accepted: {
    title: 'This invitation was accepted already',
    words: 'A link works once. If it was you, just open FreshTrack.',
  },
  revoked: {
    title: 'This invitation was withdrawn',
    words: 'Perhaps a newer one is in your mail. Or ask for another.',
  },
  expired: { title: 'This invitation has expired', words: 'Nothing is lost: ask for a new one.' },
}

function Closed({ offer, signedIn }: { offer: Invited; signedIn: boolean }) {
  const { title, words } = CLOSED[offer.state] ?? CLOSED.expired ?? { title: '', words: '' }
  const inviter = offer.invited_by
  return (
    <Entrance title={title} words={words}>
      <div className={classes.facts}>
        <p>{offer.organization.name}</p>
        {inviter && (
          <p>
            {`Invited by ${inviter.name || inviter.email}: `}
            <a href={`mailto:${inviter.email}`}>{inviter.email}</a>
          </p>
        )}
      </div>
      <Button component={Link} to="/" variant="default" size="md" fullWidth>
        {signedIn ? 'Open FreshTrack' : 'Sign in'}
      </Button>
    </Entrance>
  )
}

function Unknown({ error, retry }: { error: Error; retry: () => void }) {
  if (!(error instanceof Problem) || error.status !== 404) {
    return (
      <Entrance title="Your invitation">
        <Trouble error={error} retry={retry} />
      </Entrance>
    )
  }
  return (
    <Entrance
      title="We don't know this invitation"
      words="The link may be cut off: copy it whole from the e-mail. If a newer invitation came later, use that one; the old link is void."
    >
      <Button component={Link} to="/" variant="default" size="md" fullWidth>
        Open FreshTrack
      </Button>
    </Entrance>
  )
}
