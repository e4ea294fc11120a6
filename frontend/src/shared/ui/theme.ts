/** Every colour, distance and size of the app. docs/design-system.md shows how they are used. */

import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core'

/** Deep water: buttons, links and the line of a chart. White on shade 7 is 6.2:1, on shade 6 it is 4.6:1. */
const fresh: MantineColorsTuple = [
  '#e6f7f7',
  '#d0ecec',
  '#a2d8d9',
  '#70c3c6',
  '#4ab2b6',
  '#2a9ba1',
  '#14828b',
  '#0b6b78',
  '#085763',
  '#05434d',
]

/** What can't be taken back: red buttons. White on shade 7 is 7.0:1, on shade 6 it is 5.5:1. */
const danger: MantineColorsTuple = [
  '#fdecec',
  '#fad5d6',
  '#f4a9ac',
  '#ee7c81',
  '#e4555c',
  '#d93a44',
  '#c92a35',
  '#b0121f',
  '#920d18',
  '#730911',
]

/** Mantine's greys of the dark scheme, in the blue of our own surfaces. */
const night: MantineColorsTuple = [
  '#e9eff3',
  '#c3d0d9',
  '#9db0be',
  '#647584',
  '#2f3d49',
  '#212d37',
  '#1a242c',
  '#151d24',
  '#10171d',
  '#0d1318',
]

export const theme = createTheme({
  colors: { fresh, danger, dark: night },
  primaryColor: 'fresh',
  primaryShade: { light: 7, dark: 6 },
  fontFamily: "'Inter Variable', system-ui, -apple-system, 'Segoe UI', sans-serif",
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, monospace',
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.9375rem', lg: '1.0625rem', xl: '1.25rem' },
  lineHeights: { xs: '1.35', sm: '1.4', md: '1.5', lg: '1.5', xl: '1.4' },
  spacing: { xs: '0.5rem', sm: '0.75rem', md: '1rem', lg: '1.5rem', xl: '2rem' },
  radius: { xs: '4px', sm: '6px', md: '8px', lg: '12px', xl: '16px' },
  defaultRadius: 'md',
  headings: {
    fontWeight: '650',
    sizes: {
      h1: { fontSize: '1.5rem', lineHeight: '1.25' },
      h2: { fontSize: '1.0625rem', lineHeight: '1.35' },
      h3: { fontSize: '0.9375rem', lineHeight: '1.4' },
    },
  },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    // Fingers need 44 px; a pointer gets the calmer 36.
    Button: { defaultProps: { size: 'sm' } },
    Modal: { defaultProps: { closeButtonProps: { 'aria-label': 'Close' } } },
    TextInput: { defaultProps: { size: 'md' } },
    PasswordInput: { defaultProps: { size: 'md' } },
    Textarea: { defaultProps: { size: 'md' } },
  },
})

/** `fg` is text and shape on `bg` and on a surface (at least 4.5:1 on both), `line` an edge (3:1 on a surface). */
const light = {
  canvas: '#f3f5f7',
  surface: '#ffffff',
  sunken: '#edf1f4',
  line: '#dce2e7',
  'line-strong': '#8795a1',
  text: '#12202b',
  muted: '#50606e',
  accent: '#0b6b78',
  'accent-soft': '#e2f1f2',
  'ok-fg': '#0d6b43',
  'ok-bg': '#e3f4ea',
  'ok-line': '#2f9968',
  'warning-fg': '#855000',
  'warning-bg': '#fff1d2',
  'warning-line': '#c57f0a',
  'critical-fg': '#b0121f',
  'critical-bg': '#fde8e8',
  'critical-line': '#d92d3a',
  'no-data-fg': '#475866',
  'no-data-bg': '#e9edf1',
  'no-data-line': '#7c8b98',
  'fault-fg': '#6434b3',
  'fault-bg': '#f0e9fc',
  'fault-line': '#8557d6',
  'info-fg': '#1a589f',
  'info-bg': '#e5f0fc',
  'info-line': '#3f82cf',
  shadow: '0 1px 2px rgb(18 32 43 / 0.05), 0 1px 6px rgb(18 32 43 / 0.04)',
}

const dark: typeof light = {
  canvas: '#0d1318',
  surface: '#151d24',
  sunken: '#10171d',
  line: '#25313b',
  'line-strong': '#647584',
  text: '#e9eff3',
  muted: '#9db0be',
  accent: '#5ccad0',
  'accent-soft': '#12323a',
  'ok-fg': '#62d49d',
  'ok-bg': '#11291e',
  'ok-line': '#2f9968',
  'warning-fg': '#f6c364',
  'warning-bg': '#30240b',
  'warning-line': '#d3962a',
  'critical-fg': '#ff928e',
  'critical-bg': '#3b1619',
  'critical-line': '#ef5b60',
  'no-data-fg': '#abbac6',
  'no-data-bg': '#1f2a33',
  'no-data-line': '#71828f',
  'fault-fg': '#c6abff',
  'fault-bg': '#281d3f',
  'fault-line': '#9a72e6',
  'info-fg': '#8bbcff',
  'info-bg': '#13263e',
  'info-line': '#4d8edb',
  shadow: '0 1px 2px rgb(0 0 0 / 0.4)',
}

export type Token = keyof typeof light

const named = (tokens: typeof light) =>
  Object.fromEntries(Object.entries(tokens).map(([name, value]) => [`--ft-${name}`, value]))

/** Offers the tokens as `--ft-…` and makes Mantine's own surfaces and texts follow them. */
export const cssVariables: CSSVariablesResolver = () => {
  const follow = {
    '--mantine-color-body': 'var(--ft-surface)',
    '--mantine-color-text': 'var(--ft-text)',
    '--mantine-color-dimmed': 'var(--ft-muted)',
    '--mantine-color-default-border': 'var(--ft-line)',
    '--mantine-color-error': 'var(--ft-critical-fg)',
    '--mantine-color-placeholder': 'var(--ft-muted)',
    '--mantine-color-anchor': 'var(--ft-accent)',
  }
  return { variables: {}, light: { ...named(light), ...follow }, dark: { ...named(dark), ...follow } }
}

/** The value of a token now, for the canvas of a chart. */
export function token(name: Token): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--ft-${name}`).trim()
}
