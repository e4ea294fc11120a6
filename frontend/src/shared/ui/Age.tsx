import { useNow } from '@/shared/now'
import { age } from '@/shared/units'

/** How long ago something was, counting on. */
export function Age({ at, none = 'never' }: { at: string | null; none?: string }) {
  const words = useNow((now) => (at ? age(Math.max(0, now - Date.parse(at))) : none))
  if (!at) return <span>{words}</span>
  return (
    <time dateTime={at} className="numbers">
      {words}
    </time>
  )
}
