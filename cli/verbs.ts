import type { Verb } from './verb.ts'
import { bench } from './verbs/bench.ts'
import { completion } from './verbs/completion.ts'
import { consoleVerb } from './verbs/console.ts'
import { cost } from './verbs/cost.ts'
import { create } from './verbs/create.ts'
import { dead } from './verbs/dead.ts'
import { deleteQueue } from './verbs/delete.ts'
import { doctor } from './verbs/doctor.ts'
import { exportQueue } from './verbs/export.ts'
import { importQueue } from './verbs/import.ts'
import { cancel, reschedule, resend } from './verbs/message-changes.ts'
import { pause, resume } from './verbs/pause.ts'
import { peek } from './verbs/peek.ts'
import { purge } from './verbs/purge.ts'
import { queue } from './verbs/queue.ts'
import { queues } from './verbs/queues.ts'
import { receive } from './verbs/receive.ts'
import { redrive } from './verbs/redrive.ts'
import { send } from './verbs/send.ts'
import { set } from './verbs/set.ts'
import { ack, nack } from './verbs/settle.ts'
import { show } from './verbs/show.ts'
import { tail } from './verbs/tail.ts'
import { watch } from './verbs/watch.ts'

/** Every verb, in the order of the help. */
export const VERBS: readonly Verb[] = [
  queues,
  queue,
  peek,
  tail,
  consoleVerb,
  doctor,
  cost,
  create,
  set,
  pause,
  resume,
  deleteQueue,
  send,
  receive,
  ack,
  nack,
  show,
  watch,
  reschedule,
  cancel,
  dead,
  redrive,
  resend,
  exportQueue,
  importQueue,
  purge,
  bench,
  completion,
]
