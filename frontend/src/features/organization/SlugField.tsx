import { TextInput } from '@mantine/core'
import classes from './SlugField.module.css'
import { typedSlug } from './slugs'

interface Props {
  value: string
  onChange: (slug: string) => void
  error: string | undefined
  description: string
}

/** The organization's name in addresses, shown as the address it makes. */
export function SlugField({ value, onChange, error, description }: Props) {
  return (
    <div>
      <TextInput
        label="Address"
        description={description}
        value={value}
        onChange={(event) => onChange(typedSlug(event.currentTarget.value))}
        error={error}
        autoCapitalize="none"
        autoCorrect="off"
        spellCheck={false}
        inputWrapperOrder={['label', 'description', 'input', 'error']}
      />
      <p className={classes.preview}>
        {window.location.host}/o/<strong>{value || '…'}</strong>
      </p>
    </div>
  )
}
