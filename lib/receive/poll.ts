import type { Engine } from '../engine.ts'
import type { Request } from '../hints/scan-target.ts'
import { invalid } from '../model/errors.ts'
import { type FieldNames, knownFields } from '../model/known-fields.ts'
import { LIMITS } from '../model/limits.ts'
import type { Message } from '../model/message.ts'
import { checkWholeNumber } from '../model/number-checks.ts'
import type { QueueState } from '../model/queue-record.ts'
import { unreceive } from '../settle/unreceive.ts'
import { recordReceiveAttempt, repeatReceiveAttempt } from './receive-attempt.ts'
import { scan } from './scan.ts'
import { scanFairly } from './scan-fairly.ts'
import { scanGroups } from './scan-groups.ts'
import { NOTHING_FOUND, type ScanResult } from './scan-result.ts'

export interface PollOptions {
  /** 1 … 25. @default 1 */
  readonly maxMessages?: number
  /** How long the messages are leased, seconds. @default the queue's */
  readonly visibilityTimeoutSeconds?: number
  /** How long to wait for a first message, seconds, 0 … 20. @default the queue's */
  readonly waitTimeSeconds?: number
  /** FIFO queues: a poll repeated with the same id within 5 minutes gets the same messages again. */
  readonly attemptId?: string
  /** Ends the wait. An aborted poll leases no message. */
  readonly signal?: AbortSignal
}

const POLL_FIELDS: FieldNames<PollOptions> = {
  maxMessages: true,
  visibilityTimeoutSeconds: true,
  waitTimeSeconds: true,
  attemptId: true,
  signal: true,
}

const FIRST_WAIT_MS = 20
const MAX_WAIT_MS = 1_000
const GROWTH = 1.6

/**
 * Leases up to `maxMessages` messages. No other consumer receives one of them until it is given back or its lease ends. With
 * `waitTimeSeconds` the poll waits for the first message and returns the messages that are there then, as SQS does. Without
 * messages the poll returns `[]`. It returns none while the queue is paused. A pause or a resume during the wait takes effect.
 *
 * reads: one Query when there is something to receive · writes: one claim a segment, in one request
 *
 * @throws `InvalidRequest`, `QueueNotFound` (also when the queue is deleted during the wait)
 */
export const poll = async (engine: Engine, queueName: string, options: PollOptions = {}): Promise<Message[]> => {
  checkOptions(options)
  // The clock of a new process learns the time from the first response. A poll that counted from before could wait for a minute too long.
  await engine.queues.get(queueName)
  const startedAt = engine.clock.now()
  for (;;) {
    try {
      return await pollFrom(engine, queueName, options, startedAt)
    } catch (error) {
      // The poll keeps the bytes that it acquired and has leased nothing, so the next scan does not wait.
      if (!(error instanceof OutdatedScan)) throw error
    }
  }
}

const pollFrom = async (
  engine: Engine,
  queueName: string,
  options: PollOptions,
  startedAt: number,
): Promise<Message[]> => {
  const { signal } = options
  const request = requestsOf(engine, options)
  let queue = await engine.queues.get(queueName)
  const attemptId = queue.settings.fifo && options.attemptId
  let repeating = attemptId
  const deadline = startedAt + (options.waitTimeSeconds ?? queue.settings.receiveWaitTimeSeconds) * 1_000
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(MAX_WAIT_MS, waitMs * GROWTH)) {
    if (repeating && !queue.settings.paused) {
      await request(queue).acquireBudget?.()
      const again = await repeatReceiveAttempt(engine, queue, repeating, request(queue).leaseMs)
      if (again.length > 0) return again
      repeating = undefined
    }
    const { messages, nextAt } = await scanOnce(engine, queue, request(queue))
    if (messages.length === 0) engine.answerBudget?.release()
    const now = engine.clock.now()
    if (signal?.aborted) {
      const handles = messages.map(({ receiptHandle }) => receiptHandle)
      if (handles.length > 0) await unreceive(engine, queueName, handles)
      return []
    }
    if (attemptId) await recordReceiveAttempt(engine, queue, attemptId, messages)
    if (messages.length > 0 || now >= deadline) return messages
    // A random part keeps pollers that started together apart. A message that is known to become visible ends the wait sooner.
    const jittered = waitMs * (0.75 + engine.random.fraction() / 2)
    const sleepMs = Math.min(jittered, deadline - now, Math.max(1, nextAt - now))
    await engine.wakeups.wait(queueName, sleepMs, signal)
    if (signal?.aborted) return []
    queue = await engine.queues.get(queueName)
  }
}

const requestsOf = (engine: Engine, { maxMessages = 1, visibilityTimeoutSeconds, signal }: PollOptions) => {
  const acquireBudget = budgetOf(engine, maxMessages, signal)
  return ({ settings }: QueueState): Request => ({
    want: maxMessages,
    leaseMs: (visibilityTimeoutSeconds ?? settings.visibilityTimeoutSeconds) * 1_000,
    signal,
    acquireBudget,
  })
}

/** A scan that waited for longer than this for its bytes begins again: meanwhile its queue may have been paused, purged or deleted. */
const MAX_BUDGET_WAIT_MS = 1_000

class OutdatedScan extends Error {}

const budgetOf = ({ answerBudget, clock }: Engine, messages: number, signal: AbortSignal | undefined) =>
  answerBudget &&
  (async () => {
    const before = clock.now()
    await answerBudget.acquire(messages, signal)
    if (clock.now() - before > MAX_BUDGET_WAIT_MS) throw new OutdatedScan()
  })

const checkOptions = (options: PollOptions): void => {
  const { maxMessages, visibilityTimeoutSeconds, waitTimeSeconds, attemptId } = knownFields(options, POLL_FIELDS)
  if (maxMessages !== undefined) checkWholeNumber('maxMessages', maxMessages, 1, LIMITS.batchSize)
  if (visibilityTimeoutSeconds !== undefined) {
    checkWholeNumber('visibilityTimeoutSeconds', visibilityTimeoutSeconds, 0, LIMITS.visibilityTimeoutSeconds)
  }
  if (waitTimeSeconds !== undefined) checkWholeNumber('waitTimeSeconds', waitTimeSeconds, 0, LIMITS.waitTimeSeconds)
  if (attemptId === undefined) return
  if (typeof attemptId !== 'string' || attemptId.length < 1 || attemptId.length > LIMITS.groupIdLength) {
    throw invalid('attemptId', attemptId, `must have 1 to ${LIMITS.groupIdLength} characters`)
  }
}

/** The queue's state is at most `QUEUE_CACHE_MS` old, so a pause by another process takes effect after that time and one scan. */
const scanOnce = async (engine: Engine, queue: QueueState, request: Request): Promise<ScanResult> => {
  if (queue.settings.paused) return NOTHING_FOUND
  const scanning = queue.settings.fifo ? scanGroups : queue.grouped ? scanFairly : scan
  const found = await scanning(engine, queue, request)
  return { ...found, messages: withNewestLeases(found.messages) }
}

/** A scan that was held up for longer than a lease may claim a message again. Then the earlier receipt handle is outdated. */
const withNewestLeases = (messages: Message[]): Message[] => {
  const newest = new Map(messages.map((message) => [message.messageId, message]))
  return newest.size === messages.length ? messages : messages.filter((one) => newest.get(one.messageId) === one)
}
