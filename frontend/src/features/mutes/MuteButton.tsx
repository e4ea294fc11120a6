import { Button } from '@mantine/core'
import { useState } from 'react'
import { may, useMember } from '@/shared/member'
import { IconBellOff } from '@/shared/ui/icons'
import { MuteDialog, type Target } from './MuteDialog'

interface Props {
  targets: Target[]
  site: string | null
  className?: string
}

/** Asks for how long; only for those who may. */
export function MuteButton({ targets, site }: Props) {
  const member = useMember()
  const [opened, setOpened] = useState(false)
  // Who is restricted to some sites can't keep all of them quiet.
  const offered = member.sites ? targets.filter((target) => target.site || target.unit) : targets
  if (!may(member, 'mutes.change') || offered.length === 0) return null
  return (
    <>
      <Button variant="default" leftSection={<IconBellOff size={18} />} onClick={() => setOpened(true)}>
        Mute
      </Button>
      {opened && <MuteDialog targets={offered} site={site} onClose={() => setOpened(false)} />}
    </>
  )
}
