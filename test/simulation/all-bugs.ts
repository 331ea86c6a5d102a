import { BUGS, type PlantedBug } from './bugs.ts'
import { CLIENT_BUGS } from './client-bugs.ts'
import { DROP_BUGS } from './drop-bugs.ts'
import { EDGE_BUGS } from './edge-bugs.ts'
import { GROUP_BUGS } from './fifo-bugs.ts'
import { HINT_BUGS } from './hint-bugs.ts'
import { LIVENESS_BUGS } from './liveness-bugs.ts'
import { PUBLISH_BUGS } from './publish-bugs.ts'
import { RESULT_BUGS } from './result-bugs.ts'
import { TRANSACTION_BUGS } from './transaction-bugs.ts'
import { TRIGGER_BUGS } from './trigger-bugs.ts'
import { UNDO_BUGS } from './undo-bugs.ts'

/** Every bug that is planted, by kinds. */
export const ALL_BUGS: readonly PlantedBug[] = [
  ...BUGS,
  ...DROP_BUGS,
  ...EDGE_BUGS,
  ...GROUP_BUGS,
  ...HINT_BUGS,
  ...LIVENESS_BUGS,
  ...PUBLISH_BUGS,
  ...RESULT_BUGS,
  ...TRIGGER_BUGS,
  ...TRANSACTION_BUGS,
  ...UNDO_BUGS,
  ...CLIENT_BUGS,
]
