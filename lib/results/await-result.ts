import type { Engine } from '../engine.ts'
import { HoldfastError } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import { isFinal, type MessageStatus } from '../model/message-status.ts'
import { number } from '../model/number-checks.ts'
import { plainName } from '../model/queue-name.ts'
import type { ResultAnswer } from '../model/result.ts'
import { findResult, type Look } from './find-result.ts'
import { resultWakeup } from './write-results.ts'

export interface AwaitOptions {
  /** How long to wait until nothing more can come, seconds, 0 … 20. @default 0 */
  readonly waitTimeSeconds?: number
  /** Ends the wait; the answer is what was known last. */
  readonly signal?: AbortSignal | undefined
}

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 1_000
const GROWTH = 1.6
/** A consumer whose clock is behind may still ack what has expired here. */
const CLOCKS_MS = 2_000

/**
 * What became of a message: its result, its failure, or its state as it is; with `waitTimeSeconds` it waits until that is
 * final. An ack in this process is seen at once, one in another process within a second.
 *
 * reads: the message's header at each look, 0.5 RRU, 25 of them in 20 s; 5 RRU more at the last one
 *
 * @throws `InvalidRequest` on a queue that keeps no results, `QueueNotFound`, `MessageNotFound` for what is no message id
 */
export const awaitResult = async (
  engine: Engine,
  queueName: string,
  messageId: string,
  { waitTimeSeconds = 0, signal }: AwaitOptions = {},
): Promise<ResultAnswer> => {
  number('waitTimeSeconds', waitTimeSeconds, 0, LIMITS.waitTimeSeconds)
  await checkKept(engine, queueName)
  const deadline = engine.clock.now() + waitTimeSeconds * 1_000
  let look: Look | undefined
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(LONGEST_WAIT_MS, waitMs * GROWTH)) {
    look = await findResult(engine, queueName, messageId, look?.place)
    const now = engine.clock.now()
    if (isSettled(look.answer.status, now) || now >= deadline || signal?.aborted) return look.answer
    const jittered = waitMs * (0.75 + engine.random.fraction() / 2)
    await engine.wakeups.wait(resultWakeup(look.place.key), Math.min(jittered, deadline - now), signal)
  }
}

/** Whether waiting is in vain. */
const isSettled = (status: MessageStatus, now: number): boolean =>
  isFinal(status) && !(status.state === 'gone' && status.reason === 'expired' && now < (status.at ?? 0) + CLOCKS_MS)

const checkKept = async (engine: Engine, name: string): Promise<void> => {
  if ((await engine.queues.get(name)).settings.results) return
  if ((await engine.queues.fresh(name)).settings.results) return
  throw new HoldfastError(
    'InvalidRequest',
    `queue ${plainName(name)} keeps no results: set its results.retentionSeconds`,
    {
      field: 'queue',
      value: plainName(name),
      queue: name,
    },
  )
}

/**
 * What a message is doing, or became. Also on queues that keep no results; there all that is gone is `gone`.
 *
 * @throws `QueueNotFound`, `MessageNotFound` for what is no message id
 */
export const messageStatus = async (engine: Engine, queueName: string, messageId: string): Promise<MessageStatus> =>
  (await findResult(engine, queueName, messageId)).answer.status
