import {
  type Reading,
  type Received,
  type Rejecting,
  readMessage,
  reasonOf,
  rejectInvalid,
} from '../codecs/read-message.ts'
import { HoldfastError } from '../model/errors.ts'
import type { HandleResult } from '../model/message.ts'
import type { NackEntry } from '../settle/nack.ts'
import type { QueueTelemetry, SettleVerb } from '../telemetry/telemetry.ts'
import type { BatchContext, BatchHandler, Handler, Report } from './handler.ts'
import type { HeldLease } from './lease-keeper.ts'
import type { Settler } from './settler.ts'
import { Reject, RetryLater } from './verdicts.ts'

export interface RunnerParts<In, Out> extends Reading<In, Out>, Rejecting {
  readonly handler: Handler<Out> | BatchHandler<Out>
  /** Messages handed over at once; one by one when absent. */
  readonly batchSize: number | undefined
  readonly settle: Settler
  readonly report: Report
  readonly telemetry: QueueTelemetry
}

export interface Runner {
  /** Handlers that are running. */
  readonly running: number
  /**
   * Starts on leased messages, in order. Of a FIFO queue those of one group follow each other, the others run at once.
   * `freed` is called as often as a handler ends.
   */
  start(leases: readonly HeldLease[], freed: () => void): void
  /** Gives back what waits behind others of its group. */
  stop(): Promise<void>
  /** Gives messages back that are not to be started, without counting their receive. */
  giveBack(leases: readonly HeldLease[]): Promise<void>
  /** Resolves when nothing is running. */
  idle(): Promise<void>
  /** Aborts the signals of all that is running. */
  cutOff(reason: Error): void
}

/**
 * Runs the handler on messages and settles each by how that ended: acked when it returned, given back by the retry
 * policy when it threw, after its own time for `RetryLater`, dead-lettered for `Reject`. A message whose lease was lost
 * is left alone, but for an ack, which tells whether the message was this worker's after all.
 */
export const runner = <In, Out>(parts: RunnerParts<In, Out>): Runner => {
  const { name, batchSize, report } = parts
  const ordered = name.endsWith('.fifo')
  const running = new Set<Promise<void>>()
  const working = new Set<HeldLease>()
  const waiting = new Set<HeldLease>()
  const settling = settlement(parts)

  /** Marks messages as begun; false where they were given back meanwhile. */
  const begin = (leases: readonly HeldLease[]): boolean => {
    if (!leases.every((lease) => waiting.has(lease))) return false
    for (const lease of leases) {
      waiting.delete(lease)
      working.add(lease)
    }
    return true
  }

  /** What follows in the group of a message that failed waits behind it, in the queue. */
  const giveBackWaiting = (leases: readonly HeldLease[]): Promise<void> => {
    const left = leases.filter((lease) => waiting.delete(lease))
    return settling.giveBack(left)
  }

  const runTask = async (task: Task): Promise<void> => {
    for (const [position, batch] of task.entries()) {
      if (!begin(batch)) return
      const [only] = batch
      const done =
        batchSize === undefined && only
          ? await runOne(parts, settling, only)
          : await runBatch(parts, settling, batch, ordered)
      for (const lease of batch) working.delete(lease)
      if (!done) return giveBackWaiting(task.slice(position + 1).flat())
    }
  }

  return {
    get running() {
      return running.size
    },
    start: (leases, freed) => {
      for (const lease of leases) waiting.add(lease)
      for (const task of tasksOf(leases, ordered, batchSize)) {
        const work = runTask(task).catch((error: unknown) => report(error, { during: 'handle' }))
        running.add(work)
        void work.then(() => {
          running.delete(work)
          freed()
        })
      }
    },
    stop: () => giveBackWaiting([...waiting]),
    giveBack: settling.giveBack,
    idle: async () => {
      while (running.size > 0) await Promise.all(running)
    },
    cutOff: (reason) => {
      for (const lease of working) lease.abort(reason)
    },
  }
}

/** Runs of the handler that follow each other, each with the messages it is for. */
type Task = readonly (readonly HeldLease[])[]

/** Messages of a group of a FIFO queue follow each other; all others are independent. */
const tasksOf = (leases: readonly HeldLease[], ordered: boolean, batchSize = 1): Task[] => {
  if (ordered) return [...byGroup(leases).values()].map((group) => inBatches(group, batchSize))
  return inBatches(leases, batchSize).map((batch) => [batch])
}

const inBatches = (leases: readonly HeldLease[], batchSize: number): HeldLease[][] =>
  Array.from({ length: Math.ceil(leases.length / batchSize) }, (_, part) =>
    leases.slice(part * batchSize, (part + 1) * batchSize),
  )

const byGroup = (leases: readonly HeldLease[]): Map<string | undefined, HeldLease[]> => {
  const groups = new Map<string | undefined, HeldLease[]>()
  for (const lease of leases) {
    const { groupId } = lease.message
    groups.set(groupId, [...(groups.get(groupId) ?? []), lease])
  }
  return groups
}

/** How messages end. */
interface Settlement {
  done(lease: HeldLease): Promise<boolean>
  failed(lease: HeldLease, error: unknown): Promise<void>
  giveBack(leases: readonly HeldLease[]): Promise<void>
}

const settlement = (parts: Pick<RunnerParts<never, never>, 'settle' | 'report' | 'telemetry'>): Settlement => {
  const { settle, report, telemetry } = parts
  /** Settles, lets go of the lease, and reports what failed. */
  const end = async (verb: SettleVerb, lease: HeldLease, work: () => Promise<HandleResult>): Promise<boolean> => {
    const [result] = await telemetry.settle(verb, [lease.message], async () => [await work()])
    lease.release()
    if (result && !result.ok) report(result.error, { during: verb, message: lease.message })
    return result?.ok ?? false
  }
  return {
    done: (lease) => end('ack', lease, () => settle.ack(lease)),
    failed: async (lease, error) => {
      report(error, { during: 'handle', message: lease.message })
      if (lease.lost) lease.release()
      else await end('nack', lease, () => settle.nack(lease, verdictOf(error)))
    },
    giveBack: async (leases) => {
      await Promise.all(
        leases.map(async (lease) => {
          if (lease.lost) lease.release()
          else await end('unreceive', lease, () => settle.unreceive(lease))
        }),
      )
    },
  }
}

const verdictOf = (error: unknown): Omit<NackEntry, 'receiptHandle'> => {
  if (error instanceof RetryLater) return { delaySeconds: error.seconds }
  if (error instanceof Reject) return { deadLetter: true, error: error.message || 'Rejected' }
  return {}
}

/** Answers whether the message is done, and what follows it in its group may be begun. */
const runOne = async <In, Out>(
  parts: RunnerParts<In, Out>,
  settling: Settlement,
  lease: HeldLease,
): Promise<boolean> => {
  const read = await readHeld(parts, settling, lease)
  if (!read.message) return read.gone
  try {
    const { message } = read
    const work = () => (parts.handler as Handler<Out>)(message, { signal: lease.signal })
    await parts.telemetry.process([lease.message], false, work)
  } catch (error) {
    await settling.failed(lease, error)
    return false
  }
  return settling.done(lease)
}

/** Answers whether all of the batch is done. */
const runBatch = async <In, Out>(
  parts: RunnerParts<In, Out>,
  settling: Settlement,
  leases: readonly HeldLease[],
  ordered: boolean,
): Promise<boolean> => {
  const read = await Promise.all(leases.map(async (lease) => ({ lease, ...(await readHeld(parts, settling, lease)) })))
  const stuck = read.findIndex(({ message, gone }) => !message && !gone)
  const cut = ordered && stuck >= 0 ? stuck : read.length
  await settling.giveBack(read.slice(cut + 1).map(({ lease }) => lease))
  const readable = read.slice(0, cut).flatMap(({ lease, message }) => (message ? [{ lease, message }] : []))
  if (readable.length === 0) return stuck < 0
  const failures = await failuresOf(parts, readable)
  const failed = ({ message }: { message: Received<Out> }) => failures.has(message.receiptHandle)
  const first = readable.findIndex(failed)
  const end = ordered && first >= 0 ? first + 1 : readable.length
  const settled = await Promise.all(
    readable.slice(0, end).map(async (one) => {
      if (!failed(one)) return settling.done(one.lease)
      await settling.failed(one.lease, failures.get(one.message.receiptHandle))
      return false
    }),
  )
  await settling.giveBack(readable.slice(end).map(({ lease }) => lease))
  return stuck < 0 && settled.every((done) => done)
}

/** Runs the handler on a batch; answers the messages that failed, by their receipt handles. */
const failuresOf = async <Out>(
  { handler, telemetry }: Pick<RunnerParts<never, Out>, 'handler' | 'telemetry'>,
  batch: readonly { readonly lease: HeldLease; readonly message: Received<Out> }[],
): Promise<Map<string, unknown>> => {
  const failures = new Map<string, unknown>()
  const signal = AbortSignal.any(batch.map(({ lease }) => lease.signal))
  try {
    const messages = batch.map(({ message }) => message)
    const fail: BatchContext['fail'] = ({ receiptHandle }, error) => void failures.set(receiptHandle, error)
    const held = batch.map(({ lease }) => lease.message)
    await telemetry.process(held, true, () => (handler as BatchHandler<Out>)(messages, { signal, fail }))
  } catch (error) {
    for (const { message } of batch) {
      if (!failures.has(message.receiptHandle)) failures.set(message.receiptHandle, error)
    }
  }
  return failures
}

/** The message with its body read. Where that fails the message is settled, and `gone` tells whether it left the queue. */
const readHeld = async <In, Out>(
  parts: RunnerParts<In, Out>,
  settling: Settlement,
  lease: HeldLease,
): Promise<{ readonly message?: Received<Out>; readonly gone: boolean }> => {
  try {
    const outcome = await readMessage(parts, lease.message)
    if ('received' in outcome) return { message: outcome.received, gone: false }
    const [deadLettered = false] = await rejectInvalid(parts, [outcome])
    const error = new HoldfastError('InvalidRequest', outcome.reason, { queue: parts.name })
    parts.report(error, { during: 'decode', message: lease.message })
    // Without a dead-letter queue it stays leased until then, and comes again.
    lease.release()
    return { gone: deadLettered }
  } catch (error) {
    // A check that could not be made says nothing of the message: it is tried again.
    await settling.failed(lease, new Error(`the body could not be checked: ${reasonOf(error)}`, { cause: error }))
    return { gone: false }
  }
}
