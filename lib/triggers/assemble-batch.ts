import { isHoldfastError } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { Message } from '../model/message.ts'
import { poll } from '../receive/poll.ts'
import { nack } from '../settle/nack.ts'
import type { Run } from './run-state.ts'
import { settleBatch } from './settle-batch.ts'
import { ASSEMBLY_MS, INVOCATION_MARGIN_MS } from './times.ts'
import type { Trigger } from './trigger.ts'

/** How often to look for more while the batching window is open. */
const WINDOW_POLL_MS = 500

/** How long messages are leased: their batch fills, and the function runs to its timeout, within it. */
export const leaseSecondsOf = ({ batchingWindowSeconds, functionTimeoutSeconds }: Trigger): number =>
  batchingWindowSeconds + functionTimeoutSeconds + (ASSEMBLY_MS + INVOCATION_MARGIN_MS) / 1_000

/**
 * Claims a batch: waits for the first messages until `until`, and for more while the batching window is open. Messages
 * that make the event too large go back unreceived.
 */
export const assembleBatch = async (run: Run, trigger: Trigger, until: number): Promise<readonly Message[]> => {
  const { engine, options } = run
  const first = await claimSome(run, trigger, trigger.batchSize, Math.max(0, until - engine.clock.now()))
  if (first.length === 0) return []
  const messages = [...first]
  const windowEnds = engine.clock.now() + trigger.batchingWindowSeconds * 1_000
  // One poll brings a page at most; a full one may be followed by another at once.
  let full = first.length === LIMITS.batchSize
  while (messages.length < trigger.batchSize && !run.claiming.signal.aborted) {
    const leftMs = windowEnds - engine.clock.now()
    if (!full && leftMs <= 0) break
    if (!full) await engine.wakeups.wait(options.queue, Math.min(leftMs, WINDOW_POLL_MS), run.claiming.signal)
    const more = await claimMore(run, trigger, trigger.batchSize - messages.length)
    if (more === undefined) break
    messages.push(...more)
    full = more.length === LIMITS.batchSize
  }
  return cutToSize(run, trigger, messages)
}

/** Waits whole seconds, as polls do. */
const claimSome = (run: Run, trigger: Trigger, want: number, waitMs: number): Promise<Message[]> =>
  poll(run.engine, run.options.queue, {
    maxMessages: Math.min(want, LIMITS.batchSize),
    visibilityTimeoutSeconds: leaseSecondsOf(trigger),
    waitTimeSeconds: Math.min(LIMITS.waitTimeSeconds, Math.ceil(waitMs / 1_000)),
    signal: run.claiming.signal,
  })

/** What is there now; nothing where the store fails: what was claimed before is delivered. */
const claimMore = async (run: Run, trigger: Trigger, want: number): Promise<Message[] | undefined> => {
  try {
    return await claimSome(run, trigger, want, 0)
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    run.observe({ type: 'store-failed', queue: run.options.queue, error })
    return undefined
  }
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
/** A message that no invocation can bring, and no dead-letter queue takes, is looked at this often. */
const PUT_ASIDE_SECONDS = 900

const putAside = async ({ engine, options, observe }: Run, { messageId, receiptHandle }: Message): Promise<void> => {
  const { queue } = options
  const [moved] = await nack(engine, queue, [{ receiptHandle, deadLetter: true, error: TOO_LARGE }])
  observe({ type: 'message-too-large', queue, messageId, moved: moved?.ok === true })
  if (!moved?.ok) await nack(engine, queue, [{ receiptHandle, delaySeconds: PUT_ASIDE_SECONDS }])
}
