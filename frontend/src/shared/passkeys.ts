/** Passkeys: asks the browser for one, in the JSON that the server speaks. */

import {
  browserSupportsWebAuthn,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  startAuthentication,
  startRegistration,
} from '@simplewebauthn/browser'
import { Problem } from './api/client'

/** Browsers know passkeys of names only: at an address of numbers there are none. */
export function passkeysPossible(): boolean {
  return browserSupportsWebAuthn() && !/^[\d.]+$|^\[/.test(window.location.hostname)
}

/** As the server sends them; its description says no more than that they are objects. */
type Wrapped = Record<string, unknown> | undefined

const publicKey = <T>(options: Wrapped): T => (options as { publicKey: T }).publicKey

/** Lets the person choose a passkey and prove that it is theirs. Throws a Problem with a sentence. */
export async function provePasskey(options: Wrapped): Promise<Record<string, never>> {
  const optionsJSON = publicKey<PublicKeyCredentialRequestOptionsJSON>(options)
  return asked(() => startAuthentication({ optionsJSON }))
}

/** Makes a new passkey on a device of the person's choice. Throws a Problem with a sentence. */
export async function makePasskey(options: Wrapped): Promise<Record<string, never>> {
  const optionsJSON = publicKey<PublicKeyCredentialCreationOptionsJSON>(options)
  return asked(() => startRegistration({ optionsJSON }))
}

async function asked(ask: () => Promise<unknown>): Promise<Record<string, never>> {
  try {
    return (await ask()) as Record<string, never>
  } catch (error) {
    throw new Problem(400, 'passkey', sentence(error))
  }
}

function sentence(error: unknown): string {
  const name = error instanceof Error ? error.name : ''
  if (name === 'InvalidStateError') return 'This device has a passkey for your account already.'
  if (name === 'SecurityError') return "This browser doesn't allow passkeys at this address."
  // Browsers don't tell a "no" from a time-out, so that pages can't find out who has a passkey.
  return 'No passkey was used: it was cancelled, or took too long. Try again.'
}
