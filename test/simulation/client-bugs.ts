import type { PlantedBug } from './bugs.ts'

const LOST_ANSWERS = 'test/lib/client/lost-answers.test.ts'
const WORKER = 'test/lib/worker/worker.test.ts'

/** Bugs of the client and its workers, where answers are lost. */
export const CLIENT_BUGS: readonly PlantedBug[] = [
  {
    name: 'a repeated nack fails where the first was done',
    file: 'lib/transport/after-lost-answer.ts',
    replace: "doneIf(result, 'LeaseLost', 'MessageNotFound')",
    by: "doneIf(result, 'MessageNotFound')",
    suites: [LOST_ANSWERS],
  },
  {
    name: 'a repeated nack to the dead-letter queue succeeds where another consumer has the message',
    file: 'lib/transport/after-lost-answer.ts',
    replace: "deadLetter ? doneIf(result, 'MessageNotFound') : afterRepeatedRelease(result)",
    by: 'afterRepeatedRelease(result)',
    suites: [LOST_ANSWERS],
  },
  {
    name: 'a repeated nack that was not done before counts as done',
    file: 'lib/transport/http-settling.ts',
    replace: 'return reply.maybeDone ? results.map(repeated) : results',
    by: 'return results.map(repeated)',
    suites: [LOST_ANSWERS],
  },
  {
    name: 'a worker forgets that the answer to its nack was lost',
    file: 'lib/worker/settler.ts',
    replace: 'one.maybeDone ? repeated(one.entry, result) : result',
    by: 'result',
    suites: [WORKER],
  },
  {
    name: 'an import that goes on reads the lines on their way together with those behind them',
    file: 'cli/verbs/import.ts',
    replace: 'sendingTo !== undefined && !(await',
    by: 'sendingTo === -1 && !(await',
    suites: ['test/cli/transfer.test.ts'],
  },
  {
    name: 'an import publishes lines one by one where its key was used for others',
    file: 'cli/publishing.ts',
    replace: ' || isKeyTaken(error)) throw error',
    by: ') throw error',
    suites: ['test/cli/transfer.test.ts'],
  },
]
