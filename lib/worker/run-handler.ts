import {
  type Reading,
  type ReadOutcome,
  type Received,
  type Rejecting,
  readMessage,
  rejectInvalid,
} from '../codecs/read-message.ts'
import { HoldfastError, reasonOf } from '../model/errors.ts'
import type { QueueTelemetry } from '../telemetry/telemetry.ts'
import type { BatchContext, BatchHandler, Handler, HandlerContext, Report } from './handler.ts'
import type { HeldLease } from './lease.ts'
import type { Settlement } from './settlement.ts'
import type { Settler } from './settler.ts'

export interface RunnerParts<In, Out> extends Reading<In, Out>, Rejecting {
  readonly handler: Handler<Out> | BatchHandler<Out>
  /** Maximum number of messages that the handler gets at once; absent when it gets single messages. */
  readonly batchSize: number | undefined
  readonly settle: Settler
  readonly report: Report
  readonly telemetry: QueueTelemetry
}

/**
 * Runs the handler on a message. Returns whether the message is done, so that the next one of its group may begin. `handled` is called
 * when the handler has ended.
 */
export const runOne = async <In, Out>(
  parts: RunnerParts<In, Out>,
  settling: Settlement,
  lease: HeldLease,
  handled: () => void,
): Promise<boolean> => {
  const reading = readHeld(parts, settling, lease)
  const { message, gone } = reading instanceof Promise ? await reading : reading
  if (!message) return gone
  let value: unknown
  try {
    const work = () => (parts.handler as Handler<Out>)(message, new LoneContext(lease))
    value = await parts.telemetry.process([lease.message], false, work)
  } catch (error) {
    handled()
    await settling.failed(lease, error)
    return false
  }
  handled()
  return settling.done(lease, value)
}

/** Runs the handler on a batch. Returns whether every message is done. */
export const runBatch = async <In, Out>(
  parts: RunnerParts<In, Out>,
  settling: Settlement,
  leases: readonly HeldLease[],
  { ordered, handled }: { readonly ordered: boolean; readonly handled: () => void },
): Promise<boolean> => {
  const read = await Promise.all(leases.map(async (lease) => ({ lease, ...(await readHeld(parts, settling, lease)) })))
  const stuck = read.findIndex(({ message, gone }) => !message && !gone)
  const cut = ordered && stuck >= 0 ? stuck : read.length
  await settling.giveBack(read.slice(cut + 1).map(({ lease }) => lease))
  const readable = read.slice(0, cut).flatMap(({ lease, message }) => (message ? [{ lease, message }] : []))
  if (readable.length === 0) return stuck < 0
  const results = new Map<string, unknown>()
  const failures = await failuresOf(parts, readable, results)
  handled()
  const failed = ({ message }: { message: Received<Out> }) => failures.has(message.receiptHandle)
  const first = readable.findIndex(failed)
  const end = ordered && first >= 0 ? first + 1 : readable.length
  const settled = await Promise.all(
    readable.slice(0, end).map(async (one) => {
      if (!failed(one)) return settling.done(one.lease, results.get(one.message.receiptHandle))
      await settling.failed(one.lease, failures.get(one.message.receiptHandle))
      return false
    }),
  )
  await settling.giveBack(readable.slice(end).map(({ lease }) => lease))
  return stuck < 0 && settled.every((done) => done)
}

/** Runs the handler on a batch. Returns the errors of the messages that failed, by their receipt handles. */
const failuresOf = async <Out>(
  { handler, telemetry }: Pick<RunnerParts<never, Out>, 'handler' | 'telemetry'>,
  batch: readonly { readonly lease: HeldLease; readonly message: Received<Out> }[],
  results: Map<string, unknown>,
): Promise<Map<string, unknown>> => {
  const failures = new Map<string, unknown>()
  try {
    const messages = batch.map(({ message }) => message)
    const fail: BatchContext['fail'] = ({ receiptHandle }, error) => void failures.set(receiptHandle, error)
    const result: BatchContext['result'] = ({ receiptHandle }, value) => void results.set(receiptHandle, value)
    const held = batch.map(({ lease }) => lease.message)
    await telemetry.process(held, true, () =>
      (handler as BatchHandler<Out>)(messages, batchContextOf(batch, { fail, result })),
    )
  } catch (error) {
    for (const { message } of batch) {
      if (!failures.has(message.receiptHandle)) failures.set(message.receiptHandle, error)
    }
  }
  return failures
}

/** A message with its decoded body. If the body could not be read, the message was settled, and `gone` tells whether it left the queue. */
interface Read<Out> {
  readonly message?: Received<Out>
  readonly gone: boolean
}

const readHeld = <In, Out>(
  parts: RunnerParts<In, Out>,
  settling: Settlement,
  lease: HeldLease,
): Read<Out> | Promise<Read<Out>> => {
  const outcome = readMessage(parts, lease.message)
  if ('received' in outcome) return { message: outcome.received, gone: false }
  return readOrRefused(parts, settling, lease, outcome)
}

/** Decodes the body of a message, and settles the message if that fails. */
const readOrRefused = async <In, Out>(
  parts: RunnerParts<In, Out>,
  settling: Settlement,
  lease: HeldLease,
  reading: ReadOutcome<Out> | Promise<ReadOutcome<Out>>,
): Promise<Read<Out>> => {
  try {
    const outcome = await reading
    if ('received' in outcome) return { message: outcome.received, gone: false }
    const [deadLettered = false] = await rejectInvalid(parts, [outcome])
    const error = new HoldfastError('InvalidRequest', outcome.reason, { queue: parts.name })
    parts.report(error, { during: 'decode', message: lease.message })
    // Without a dead-letter queue the message stays leased until its lease ends, and is received again.
    lease.release()
    return { gone: deadLettered }
  } catch (error) {
    // The check itself failed, not the message: the message is nacked, and tried again.
    await settling.failed(lease, new Error(`the body could not be checked: ${reasonOf(error)}`, { cause: error }))
    return { gone: false }
  }
}

/**
 * The context of a handler for one message. Its signal is created when the handler reads it. `signal` is an own property, so that a copy
 * of the context (`{ ...context }`) has it. All contexts share one getter, because creating one for each message is slow.
 */
class LoneContext implements HandlerContext {
  declare readonly signal: AbortSignal
  readonly #lease: HeldLease

  constructor(lease: HeldLease) {
    this.#lease = lease
    Object.defineProperty(this, 'signal', LoneContext.#signal)
  }

  static readonly #signal: PropertyDescriptor & ThisType<LoneContext> = {
    enumerable: true,
    get() {
      return this.#lease.signal
    },
  }
}

const batchContextOf = (
  batch: readonly { readonly lease: HeldLease }[],
  marks: Pick<BatchContext, 'fail' | 'result'>,
): BatchContext => {
  let signal: AbortSignal | undefined
  return {
    get signal() {
      signal ??= AbortSignal.any(batch.map(({ lease }) => lease.signal))
      return signal
    },
    ...marks,
  }
}
