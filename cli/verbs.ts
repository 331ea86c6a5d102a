import type { Verb } from './verb.ts'
import { peek } from './verbs/peek.ts'
import { queue } from './verbs/queue.ts'
import { queues } from './verbs/queues.ts'

/** Every verb, in the order of the help. */
export const VERBS: readonly Verb[] = [queues, queue, peek]
