import { observed } from './runtime/observed.ts'
import { wakeTriggers } from './triggers/wake-triggers.ts'

export const handler = observed(wakeTriggers)
