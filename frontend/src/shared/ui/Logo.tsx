/** The mark of the product, as in public/favicon.svg. */
export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#0b6b78" />
      <path d="M13 7.5a3 3 0 0 1 6 0v9.2a5.6 5.6 0 1 1-6 0z" fill="none" stroke="#fff" strokeWidth="2.2" />
      <circle cx="16" cy="21.2" r="2.6" fill="#7fe3d4" />
      <path d="M16 20v-7.5" stroke="#7fe3d4" strokeWidth="2.2" strokeLinecap="round" />
    </svg>
  )
}
