import type { Engine } from '../engine.ts'
import { isHoldfastError } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { HandleResult, Message } from '../model/message.ts'
import type { Failure } from '../model/result.ts'
import { type AckEntry, ack } from '../settle/ack.ts'
import { nack } from '../settle/nack.ts'
import { unreceive } from '../settle/unreceive.ts'
import { noteDue } from './due-index.ts'
import { holdsMark, type Run } from './run-state.ts'

/** How each message of a batch is settled. */
export interface Verdicts {
  readonly acked: readonly Message[]
  /** The acked messages that the function did not get. */
  readonly unmatched?: ReadonlySet<Message>
  readonly nacked: readonly Message[]
  /** The messages to give back as if they had not been received. */
  readonly unreceived: readonly Message[]
}

/**
 * How a batch is settled by the function's answer. On FIFO queues the first failed message of a group and all messages after it go
 * back. The receive of the failed message counts, and the receives of the others do not.
 */
export const verdictsOf = (messages: readonly Message[], failed: ReadonlySet<string>, fifo: boolean): Verdicts => {
  const acked: Message[] = []
  const nacked: Message[] = []
  const unreceived: Message[] = []
  const failedGroups = new Set<string>()
  for (const message of messages) {
    const group = fifo ? (message.groupId ?? '') : undefined
    if (group !== undefined && failedGroups.has(group)) unreceived.push(message)
    else if (!failed.has(message.messageId)) acked.push(message)
    else {
      nacked.push(message)
      if (group !== undefined) failedGroups.add(group)
    }
  }
  return { acked, nacked, unreceived }
}

/** The reason in the results of messages that no pattern matched. */
const UNMATCHED = 'no pattern of the filter of the trigger matched'

const TRIES = 6
const FIRST_PAUSE_MS = 100

/**
 * Settles a batch. After a passing failure of the store it tries again a few times. A message that can't be settled comes back when its
 * lease ends.
 */
export const settleBatch = async (
  run: Run,
  { acked, unmatched, nacked, unreceived }: Verdicts,
  failure?: Failure,
): Promise<void> => {
  const { engine } = run
  const { queue } = run.options
  const lost: HandleResult[] = []
  const settling = async (
    messages: readonly Message[],
    settle: (messages: readonly Message[]) => Promise<HandleResult[]>,
  ): Promise<void> => {
    for (let start = 0; start < messages.length; start += LIMITS.batchSize) {
      lost.push(...(await settleSome(engine, messages.slice(start, start + LIMITS.batchSize), settle)))
    }
  }
  // The messages after a failed head go back before the head, so that they are all there when the group opens.
  const back = async (): Promise<void> => {
    await settling(unreceived, (messages) => unreceive(engine, queue, handlesOf(messages)))
    await settling(nacked, async (messages) => {
      const rest = await restOf(engine, queue)
      const entries = messages.map(({ receiptHandle, leasedUntil }) => ({
        receiptHandle,
        // The function may have changed the visibility of its message itself.
        ifLeasedUntil: leasedUntil,
        ...rest,
        ...(failure && { failure }),
      }))
      return nack(engine, queue, entries)
    })
  }
  const entryOf = (message: Message): string | AckEntry =>
    unmatched?.has(message) ? { receiptHandle: message.receiptHandle, unstored: UNMATCHED } : message.receiptHandle
  await Promise.all([settling(acked, (messages) => ack(engine, queue, messages.map(entryOf))), back()])
  observeLost(run, lost)
  const opened = nacked.length + unreceived.length > 0 || acked.some(({ groupId }) => groupId !== undefined)
  if (opened && !holdsMark(run)) await noteReceivable(run)
}

/** Reports the messages that could not be settled. */
const observeLost = ({ observe, options: { queue } }: Run, lost: readonly HandleResult[]): void => {
  const leases = lost.filter((result) => !result.ok && result.error.code === 'LeaseLost').length
  if (leases > 0) observe({ type: 'lease-lost', queue, messages: leases })
  const other = lost.find((result) => !result.ok && result.error.code !== 'LeaseLost')
  if (other && !other.ok) observe({ type: 'settling-failed', queue, error: other.error })
}

/**
 * Writes "due now" into the due index after a run without its mark gave messages back, or acked messages of a group, whose next ones
 * may wait for that. Such a run never scans again, and a run that has scanned since relies on the leases that were ended early here.
 */
const noteReceivable = async ({ engine, options: { queue }, observe }: Run): Promise<void> => {
  try {
    await noteDue(engine, queue, engine.clock.now())
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    observe({ type: 'settling-failed', queue, error })
  }
}

const NOTHING: Verdicts = { acked: [], nacked: [], unreceived: [] }

/** Acks the messages that no pattern matched. */
export const settleUnmatched = async (
  run: Run,
  unmatched: readonly Message[],
  verdicts: Verdicts = NOTHING,
  failure?: Failure,
): Promise<void> => {
  if (unmatched.length === 0) return
  const acked = inOrderOfSegments([...verdicts.acked, ...unmatched])
  await settleBatch(run, { ...verdicts, acked, unmatched: new Set(unmatched) }, failure)
  run.observe({ type: 'unmatched', queue: run.options.queue, messages: unmatched.length })
}

/** Sorts messages by segment, so that one request has all messages of a segment. */
const inOrderOfSegments = (messages: readonly Message[]): Message[] =>
  messages.toSorted((a, b) => a.publishedAt - b.publishedAt || (a.messageId < b.messageId ? -1 : 1))

const handlesOf = (messages: readonly Message[]): string[] => messages.map(({ receiptHandle }) => receiptHandle)

/** As with SQS, a failed message comes back when the visibility timeout is over, unless the queue says how it backs off. */
const restOf = async (engine: Engine, queue: string): Promise<{ readonly delaySeconds?: number }> => {
  const { retryPolicy, visibilityTimeoutSeconds } = (await engine.queues.get(queue)).settings
  return retryPolicy === undefined ? { delaySeconds: Math.max(1, visibilityTimeoutSeconds) } : {}
}

/** Settles some messages. Returns the results of those that could not be settled. */
const settleSome = async (
  engine: Engine,
  messages: readonly Message[],
  settle: (messages: readonly Message[]) => Promise<HandleResult[]>,
): Promise<HandleResult[]> => {
  let left = messages
  const lost: HandleResult[] = []
  for (let attempt = 1; ; attempt++) {
    const results = await settle(left).catch((error: unknown) => {
      if (!isHoldfastError(error)) throw error
      return left.map(() => ({ ok: false as const, error }))
    })
    const again: Message[] = []
    for (const [position, result] of results.entries()) {
      if (result.ok || result.error.code === 'MessageNotFound') continue
      if (result.error.retryable && attempt < TRIES) again.push(left[position] as Message)
      else lost.push(result)
    }
    if (again.length === 0) return lost
    left = again
    await engine.clock.sleep(FIRST_PAUSE_MS * 2 ** attempt * (0.5 + engine.random.fraction()))
  }
}
