import { Button, CopyButton, Modal } from '@mantine/core'
import { Words } from '@/shared/ui/Dialog'
import dialogClasses from '@/shared/ui/Dialog.module.css'
import { IconCheck, IconCopy, IconDownload } from '@/shared/ui/icons'
import classes from './Account.module.css'

/** Recovery codes, this once: to copy, keep as a file, or print. */
export function RecoveryCodes({ codes, email, onClose }: { codes: string[]; email: string; onClose: () => void }) {
  const text = `FreshTrack recovery codes of ${email}\nEach works once, instead of the code from your app.\n\n${codes.join('\n')}\n`
  return (
    <Modal
      opened
      onClose={onClose}
      title="Your recovery codes"
      centered
      // A slip beside the dialog must not lose what can't be shown again.
      closeOnClickOutside={false}
      closeOnEscape={false}
      withCloseButton={false}
      classNames={{ title: dialogClasses.title }}
    >
      <div className={dialogClasses.form}>
        <Words>
          If your phone is lost, each of these lets you in once. Keep them where you keep your papers, not on the phone.
          They are shown this once.
        </Words>
        <ul className={classes.codes} aria-label="Recovery codes">
          {codes.map((code) => (
            <li key={code}>{code}</li>
          ))}
        </ul>
        <div className={classes.buttons}>
          <CopyButton value={codes.join('\n')} timeout={4000}>
            {({ copied, copy }) => (
              <Button
                variant="default"
                onClick={copy}
                leftSection={copied ? <IconCheck size={18} /> : <IconCopy size={18} />}
              >
                <span aria-live="polite">{copied ? 'Copied' : 'Copy'}</span>
              </Button>
            )}
          </CopyButton>
          <Button variant="default" onClick={() => save(text)} leftSection={<IconDownload size={18} />}>
            Download
          </Button>
          <Button variant="default" onClick={() => print(text)}>
            Print
          </Button>
        </div>
        <div className={dialogClasses.buttons}>
          <Button onClick={onClose} data-autofocus>
            I have kept them
          </Button>
        </div>
      </div>
    </Modal>
  )
}

/** Hands the words to the person as a file. */
function save(text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: 'text/plain' }))
  const link = document.createElement('a')
  link.href = address
  link.download = 'freshtrack-recovery-codes.txt'
  link.click()
  URL.revokeObjectURL(address)
}

/** Prints these words alone, from a frame that nobody sees. */
function print(text: string): void {
  const frame = document.createElement('iframe')
  frame.hidden = true
  frame.title = 'Recovery codes to print'
  document.body.append(frame)
  const page = frame.contentDocument
  if (!page || !frame.contentWindow) return
  const words = page.createElement('pre')
  words.textContent = text
  page.body.append(words)
  frame.contentWindow.addEventListener('afterprint', () => frame.remove())
  frame.contentWindow.print()
}
