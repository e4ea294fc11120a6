import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Children, type FormEvent } from 'react'
import { csrfToken } from '@/shared/api/client'
import classes from './Entrance.module.css'
import { pendingQuery, providersQuery } from './queries'

interface Props {
  next: string | undefined
  /** Other ways that stand first. */
  children?: React.ReactNode
}

/** Leaves for another place where the person is known; it sends them back to the sign-in page. */
export function ProviderButtons({ next, children }: Props) {
  const providers = useQuery(providersQuery).data ?? []
  // Asking what is pending sets the cookie that the form below repeats.
  useQuery(pendingQuery)
  if (providers.length === 0 && Children.toArray(children).length === 0) return null
  return (
    <div className={classes.others}>
      <div className={classes.or}>or</div>
      {children}
      {providers.map(({ id, name }) => (
        <form key={id} method="post" action="/_allauth/browser/v1/auth/provider/redirect" onSubmit={withToken}>
          <input type="hidden" name="provider" value={id} />
          <input type="hidden" name="process" value="login" />
          <input type="hidden" name="callback_url" value={backTo(next)} />
          <input type="hidden" name="csrfmiddlewaretoken" />
          <Button type="submit" variant="default" size="md" fullWidth>
            Continue with {name}
          </Button>
        </form>
      ))}
    </div>
  )
}

/** The newest token: another tab may have been given another one since this page was drawn. */
function withToken(event: FormEvent<HTMLFormElement>): void {
  const field = event.currentTarget.elements.namedItem('csrfmiddlewaretoken')
  if (field instanceof HTMLInputElement) field.value = csrfToken()
}

function backTo(next: string | undefined): string {
  const address = new URL('/sign-in', window.location.origin)
  if (next) address.searchParams.set('next', next)
  return address.href
}
