/** Why a reading is refused, in words for people who look after gateways. The codes are the contract's. */

import type { Tone } from '@/shared/ui/status'

export interface Code {
  /** On a badge. */
  word: string
  tone: Tone
  /** What it means. */
  meaning: string
  /** What to do about it. */
  advice: string
}

export const CODES = {
  conflict: {
    word: 'Contradicts',
    tone: 'warning',
    meaning: 'Another value of the same sensor and moment is stored already.',
    advice:
      'What is stored stays: it is never overwritten. Usually two devices have the same serial, or a gateway counts ' +
      'time in whole minutes. Compare both values, then discard this one.',
  },
  sensor_fault: {
    word: 'Sensor fault',
    tone: 'fault',
    meaning: 'The value is what a probe sends when it can’t measure, such as −127 °C or 85 °C after power-on.',
    advice:
      'Check the probe, its cable and its plug. Nothing was measured, so there is nothing to send in again: discard it.',
  },
  out_of_range: {
    word: 'Out of range',
    tone: 'warning',
    meaning:
      'A value is beyond what can be: temperature −200 to 200 °C, humidity and battery 0 to 100 %, signal −200 to 0 dBm.',
    advice:
      'Often the gateway sends tenths or another unit. Mend its decoder; what was sent before can be corrected here.',
  },
  in_future: {
    word: 'In the future',
    tone: 'warning',
    meaning: 'It says that it was recorded more than 10 minutes after it came.',
    advice:
      'The clock of the device or gateway is wrong: let it set its time by NTP. If only the time zone was wrong, ' +
      'correct the time and send it in again.',
  },
  too_old: {
    word: 'Too old',
    tone: 'warning',
    meaning: 'It says that it was recorded before the year 2000.',
    advice:
      'The device has lost its clock, often with an empty battery. If you know the time, correct it; else discard it.',
  },
  missing_value: {
    word: 'No value',
    tone: 'no-data',
    meaning: 'It has none of temperature, humidity, battery, signal and door.',
    advice:
      'The gateway uses other names for them, or sends empty messages. Mend its configuration, and discard these.',
  },
  invalid: {
    word: 'Not understood',
    tone: 'no-data',
    meaning: 'A field has the wrong type: a number as text, a time without its zone, an empty or too long serial.',
    advice: 'The details say which field. Mend the gateway; what was sent before can be corrected here.',
  },
} satisfies Record<string, Code>

export type CodeName = keyof typeof CODES
export const CODE_NAMES = Object.keys(CODES) as CodeName[]

/** Codes of a later version are shown by their name. */
export const codeOf = (name: string): Code =>
  Object.hasOwn(CODES, name)
    ? CODES[name as CodeName]
    : { word: name.replaceAll('_', ' '), tone: 'no-data', meaning: '', advice: '' }

export const STATES = { kept: 'Waiting', resubmitted: 'Sent in again', discarded: 'Discarded' } as const
export type StateName = keyof typeof STATES
