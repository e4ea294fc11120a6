import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { meQuery, startOver } from '@/features/session/queries'
import { VerifyEmailPage } from '@/features/session/VerifyEmailPage'
import { useTitle } from '@/shared/ui/useTitle'
import { useWayIn } from '../useWayIn'

/** With the code in its address where the link of the e-mail was opened; also for a signed-in person's new address. */
export function VerifyEmailRoute() {
  const { key } = useParams({ strict: false })
  const { next } = useSearch({ strict: false })
  const me = useQuery(meQuery).data
  const client = useQueryClient()
  const navigate = useNavigate()
  const lead = useWayIn(next ?? (me ? '/account' : undefined))
  useTitle('Confirm your address')
  return (
    <VerifyEmailPage
      code={key}
      next={next}
      signedIn={!!me}
      onOutcome={lead}
      onOther={() => {
        if (me) void navigate({ to: '/account' })
        else void startOver(client).then(() => navigate({ to: '/sign-up', search: { next } }))
      }}
    />
  )
}
