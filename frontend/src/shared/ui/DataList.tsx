import classes from './DataList.module.css'

export interface Fact {
  term: string
  value: React.ReactNode
}

/** Facts as term and value; empty ones are left out. */
export function DataList({ facts }: { facts: (Fact | null | false)[] }) {
  return (
    <dl className={classes.list}>
      {facts.map(
        (fact) =>
          fact && (
            <div key={fact.term} className={classes.fact}>
              <dt>{fact.term}</dt>
              <dd>{fact.value}</dd>
            </div>
          ),
      )}
    </dl>
  )
}
