import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const backend = process.env.FRESHTRACK_BACKEND ?? 'http://127.0.0.1:8000'

export default defineConfig(({ command }) => ({
  // Built files are static files of the backend; its index view serves index.html for every address of the app.
  base: command === 'build' ? '/static/spa/' : '/',
  plugins: [react()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // The content security policy allows neither data: fonts nor data: scripts.
    assetsInlineLimit: 0,
    // The framework's part is 610 kB, 190 kB on the wire, and cached until a dependency changes.
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      output: {
        // What changes with a dependency is cached apart from what changes with every deploy.
        codeSplitting: {
          groups: [
            { name: 'framework', test: /node_modules\/(react|react-dom|scheduler|@mantine|@tanstack|@floating-ui)\// },
          ],
        },
      },
    },
  },
  server: {
    host: '127.0.0.1',
    proxy: {
      '/api': backend,
      '/_allauth': backend,
      '/ws': { target: backend.replace('http', 'ws'), ws: true },
    },
  },
  test: {
    environment: 'jsdom',
    setupFiles: ['src/testing/setup.ts'],
    restoreMocks: true,
    testTimeout: 30_000,
    // Two cores are shared with the backend's tests.
    maxWorkers: 2,
  },
}))
