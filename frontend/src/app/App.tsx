import { MantineProvider } from '@mantine/core'
import { type QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { cssVariables, theme } from '@/shared/ui/theme'
import { OwnScale } from './OwnScale'
import type { AppRouter } from './router'

export function App({ client, router }: { client: QueryClient; router: AppRouter }) {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
      <QueryClientProvider client={client}>
        <OwnScale>
          <RouterProvider router={router} />
        </OwnScale>
      </QueryClientProvider>
    </MantineProvider>
  )
}
