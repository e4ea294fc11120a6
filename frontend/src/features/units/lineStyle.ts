/** How the line of a sensor looks, by its place among the unit's sensors: a colour and a dash, never a colour alone. */

import type { Token } from '@/shared/ui/theme'

const TOKENS: Token[] = ['accent', 'fault-fg', 'info-fg', 'ok-fg', 'warning-fg', 'no-data-fg']
const DASHES: (number[] | undefined)[] = [undefined, [6, 4], [2, 3], [10, 3, 2, 3], [10, 4], [4, 2]]

export const lineToken = (place: number): Token => TOKENS[place % TOKENS.length] as Token
export const lineDash = (place: number): number[] | undefined => DASHES[place % DASHES.length]
