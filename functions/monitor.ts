import { monitorQueues } from './operations/monitor-queues.ts'
import { observed } from './runtime/observed.ts'

/** Invoked each minute by schedule. */
export const handler = observed(monitorQueues)
