/** What people say most when they resolve an alert, by what was wrong: one tap instead of a sentence. */

import type { Condition } from '@/shared/api/types'

export const CAUSES: Partial<Record<Condition, readonly string[]>> = {
  above: ['Door left open', 'Warm goods loaded', 'Power cut', 'Iced-up evaporator', 'Broken cooling'],
  below: ['Thermostat set too low', 'Heating failed', 'Power cut', 'Door left open'],
  rate_above: ['Door left open', 'Warm goods loaded', 'Defrost', 'Broken cooling'],
  door_open_for: ['Delivery', 'Door left open', 'Door seal or closer broken'],
  no_data: ['Gateway without power', 'No network', 'Battery empty', 'Sensor moved out of reach'],
  fault: ['Probe unplugged', 'Cable damaged', 'Probe broken'],
}

export const ACTIONS: Partial<Record<Condition, readonly string[]>> = {
  above: [
    'Door closed',
    'Food moved to another unit',
    'Food discarded',
    'Technician called',
    'Product checked by hand',
  ],
  below: ['Thermostat corrected', 'Food checked for freezing', 'Food discarded', 'Technician called'],
  rate_above: ['Door closed', 'Watched until it was stable', 'Technician called'],
  door_open_for: ['Door closed', 'Door repaired', 'Food checked by hand'],
  no_data: ['Power restored', 'Battery replaced', 'Temperature checked by hand', 'Gateway restarted'],
  fault: ['Probe plugged in again', 'Probe replaced', 'Temperature checked by hand'],
}
