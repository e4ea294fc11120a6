import { getRouteApi } from '@tanstack/react-router'
import { ForgotPasswordPage } from '@/features/session/ForgotPasswordPage'
import { ResetPasswordPage } from '@/features/session/ResetPasswordPage'
import { useTitle } from '@/shared/ui/useTitle'

const route = getRouteApi('/reset-password/$key')

export function ForgotPasswordRoute() {
  useTitle('Forgotten password')
  return <ForgotPasswordPage />
}

export function ResetPasswordRoute() {
  const { key } = route.useParams()
  useTitle('New password')
  return <ResetPasswordPage token={key} />
}
