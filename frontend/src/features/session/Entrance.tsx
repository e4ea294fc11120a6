import { useEffect, useRef } from 'react'
import { Logo } from '@/shared/ui/Logo'
import classes from './Entrance.module.css'

interface Props {
  title: string
  words?: React.ReactNode
  children?: React.ReactNode
  /** Links to where else one may want to go. */
  foot?: React.ReactNode
}

/** One card with one question: the frame of everything before somebody is signed in. */
export function Entrance({ title, words, children, foot }: Props) {
  const heading = useRef<HTMLHeadingElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another title is another step, which is read out
  useEffect(() => {
    const focused = document.activeElement
    if (focused === document.body || focused === null) heading.current?.focus()
  }, [title])
  return (
    <main className={classes.screen}>
      <div className={classes.card}>
        <Logo size={40} />
        <h1 className={classes.title} ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {words && <div className={classes.words}>{words}</div>}
        {children}
        {foot && <div className={classes.foot}>{foot}</div>}
      </div>
    </main>
  )
}
