import { isHoldfastError } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { Message } from '../model/message.ts'
import { poll } from '../receive/poll.ts'
import { nack } from '../settle/nack.ts'
import { filterOf } from './filter/filter.ts'
import type { Run } from './run-state.ts'
import { type Screened, screenBatch } from './screen-batch.ts'
import { settleBatch, settleUnmatched } from './settle-batch.ts'
import { ASSEMBLY_MS, INVOCATION_MARGIN_MS } from './times.ts'
import type { Trigger } from './trigger.ts'

/** How often to poll for more messages while the batching window is open. */
const WINDOW_POLL_MS = 500
/** A run holds unmatched messages until their batch is settled, so their number is limited. */
const MAX_UNMATCHED = 100

/** How long messages are leased: their batch fills, and the function runs to its timeout, within it. */
const leaseSecondsOf = ({ batchingWindowSeconds, functionTimeoutSeconds }: Trigger): number =>
  batchingWindowSeconds + functionTimeoutSeconds + (ASSEMBLY_MS + INVOCATION_MARGIN_MS) / 1_000

/** What a run has claimed for one invocation. */
export interface Batch {
  /** The messages that the function gets. */
  readonly messages: readonly Message[]
  /** The messages that no pattern of the filter matched: they are acked with the others. */
  readonly unmatched: readonly Message[]
  /** Whether any message was claimed, even if none is left. */
  readonly found: boolean
}

const NOTHING: Batch = { messages: [], unmatched: [], found: false }

/**
 * Claims a batch: waits for the first messages until `until`, and for more while the batching window is open. Each claim is
 * filtered, and only matching messages fill the batch. Messages that would make the event too large go back, and their receive
 * does not count. A batch without messages is settled here.
 */
export const assembleBatch = async (run: Run, trigger: Trigger, until: number): Promise<Batch> => {
  const { engine } = run
  // Checked before anything is claimed: an invalid filter stops the run.
  if (trigger.filter) filterOf(trigger.filter)
  const first = await claimSome(run, trigger, trigger.batchSize, Math.max(0, until - engine.clock.now()))
  if (first.length === 0) return NOTHING
  const claimedAt = engine.clock.now()
  const screened = await screenBatch(run, trigger, first)
  // No message fills the batch, so the next claim waits again.
  const filled =
    screened.matched.length > 0 ? await fill(run, trigger, { screened, claimedAt, full: isFull(first) }) : screened
  return finish(run, trigger, filled)
}

/** Whether a poll returned as many messages as it can: then another poll may return more at once. */
const isFull = ({ length }: readonly Message[]): boolean => length === LIMITS.batchSize

interface Filling {
  readonly screened: Screened
  readonly claimedAt: number
  readonly full: boolean
}

/** Claims more messages until the batch is full, or until the window is over and no more messages are there. */
const fill = async (run: Run, trigger: Trigger, { screened, claimedAt, full }: Filling): Promise<Screened> => {
  const { engine, options } = run
  const matched = [...screened.matched]
  const unmatched = [...screened.unmatched]
  const windowEnds = claimedAt + trigger.batchingWindowSeconds * 1_000
  for (let again = full; isOpen(run, trigger, matched, unmatched); ) {
    const now = engine.clock.now()
    // The leases allow for this much batching. The rest of that time is for the start of the invocation.
    if (now > windowEnds + ASSEMBLY_MS / 2 || (!again && now >= windowEnds)) break
    if (!again)
      await engine.wakeups.wait(options.queue, Math.min(windowEnds - now, WINDOW_POLL_MS), run.claiming.signal)
    const more = await claimMore(run, trigger, trigger.batchSize - matched.length)
    if (more === undefined) break
    matched.push(...more.screened.matched)
    unmatched.push(...more.screened.unmatched)
    again = more.full
  }
  return { matched, unmatched }
}

const isOpen = (
  run: Run,
  { batchSize }: Trigger,
  matched: readonly Message[],
  unmatched: readonly Message[],
): boolean => matched.length < batchSize && unmatched.length < MAX_UNMATCHED && !run.claiming.signal.aborted

/** Waits whole seconds, as polls do. */
const claimSome = (run: Run, trigger: Trigger, want: number, waitMs: number): Promise<Message[]> =>
  poll(run.engine, run.options.queue, {
    maxMessages: Math.min(want, LIMITS.batchSize),
    visibilityTimeoutSeconds: leaseSecondsOf(trigger),
    waitTimeSeconds: Math.min(LIMITS.waitTimeSeconds, Math.ceil(waitMs / 1_000)),
    signal: run.claiming.signal,
  })

/** Claims messages that are ready now; none if the store fails, so that earlier claims are delivered. */
const claimMore = async (
  run: Run,
  trigger: Trigger,
  want: number,
): Promise<{ screened: Screened; full: boolean } | undefined> => {
  try {
    const claimed = await claimSome(run, trigger, want, 0)
    return { screened: await screenBatch(run, trigger, claimed), full: isFull(claimed) }
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    run.observe({ type: 'store-failed', queue: run.options.queue, error })
    return undefined
  }
}

const finish = async (run: Run, trigger: Trigger, { matched, unmatched }: Screened): Promise<Batch> => {
  const messages = matched.length > 0 ? await cutToSize(run, trigger, matched) : matched
  if (messages.length > 0) return { messages, unmatched, found: true }
  await settleUnmatched(run, unmatched)
  return { messages, unmatched: [], found: true }
}

const cutToSize = async (run: Run, trigger: Trigger, messages: readonly Message[]): Promise<readonly Message[]> => {
  const fitting = await run.options.invoker.fitting(trigger, messages)
  if (fitting >= messages.length) return messages
  const [first] = messages
  const behind = messages.slice(Math.max(1, fitting))
  await settleBatch(run, { acked: [], nacked: [], unreceived: behind })
  if (fitting > 0 || !first) return messages.slice(0, fitting)
  await putAside(run, first)
  return []
}

const TOO_LARGE = 'The message is larger than the event of an invocation may be'
/** How often a message is tried again that is too large for an event and has no dead-letter queue. */
const PUT_ASIDE_SECONDS = 900

const putAside = async ({ engine, options, observe }: Run, { messageId, receiptHandle }: Message): Promise<void> => {
  const { queue } = options
  const [moved] = await nack(engine, queue, [{ receiptHandle, deadLetter: true, error: TOO_LARGE }])
  observe({ type: 'message-too-large', queue, messageId, moved: moved?.ok === true })
  if (!moved?.ok) await nack(engine, queue, [{ receiptHandle, delaySeconds: PUT_ASIDE_SECONDS }])
}
