/** Short messages at the edge of the screen. They are read out: at once for what is urgent, else politely. */

import { notifications } from '@mantine/notifications'
import { StatusMark } from './StatusBadge'
import type { Tone } from './status'
import classes from './toast.module.css'

interface Toast {
  /** The same id twice shows one message. */
  id?: string
  tone: Tone
  title: string
  children?: React.ReactNode
  /** Seconds until it goes by itself; null: only when dismissed. */
  seconds: number | null
}

export function toast({ id, tone, title, children, seconds }: Toast): void {
  const urgent = tone === 'critical' || tone === 'warning'
  notifications.show({
    id,
    title,
    message: children,
    icon: <StatusMark tone={tone} size={20} />,
    autoClose: seconds === null ? false : seconds * 1000,
    withBorder: true,
    role: urgent ? 'alert' : 'status',
    closeButtonProps: { 'aria-label': 'Dismiss' },
    classNames: { root: classes.toast, icon: classes.icon, title: classes.title },
    'data-tone': tone,
  } as Parameters<typeof notifications.show>[0])
}

export function dismissToast(id: string): void {
  notifications.hide(id)
}
