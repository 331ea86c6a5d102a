import type { Operations } from '../http/operation.ts'
import type { WakeRedrive } from '../runtime/redrives.ts'
import { operations as ack } from './ack.ts'
import { operations as messages } from './messages.ts'
import { type MoveRules, OPEN_RULES } from './move-rules.ts'
import { operations as poll } from './poll.ts'
import { operations as publish } from './publish.ts'
import { queueOperations } from './queues.ts'
import { redriveOperations } from './redrive.ts'
import { operations as results } from './results.ts'

/** What all the functions serve, in one process. */
export const allOperations = (wakeRedrive: WakeRedrive, rules: MoveRules = OPEN_RULES): Required<Operations> => ({
  ...queueOperations(() => rules),
  ...publish,
  ...poll,
  ...ack,
  ...messages,
  ...results,
  ...redriveOperations(wakeRedrive, () => rules),
})
