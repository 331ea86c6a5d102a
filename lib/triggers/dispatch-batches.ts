import { isHoldfastError } from '../model/errors.ts'
import { assembleBatch, type Batch } from './assemble-batch.ts'
import { invokeBatch } from './invoke-batch.ts'
import { claimsUntil, holdsMark, type Run } from './run-state.ts'
import type { Slot } from './slots.ts'
import { LINGER_MS, MARK_RENEWAL_MS } from './times.ts'
import type { Trigger } from './trigger.ts'

export type WhyEnded = 'mark-lost' | 'time-over' | 'idle' | 'stopped'

/** How long to wait for messages while invocations are under way: the run must stay for them anyway. */
const BUSY_WAIT_MS = 5_000
const AFTER_FAULT_MS = 1_000
/** How often to check for memory. The end of an invocation wakes the run, but an event that is smaller than expected does not. */
const MEMORY_WAIT_MS = 500

/**
 * Claims batches and invokes the function with each, in a slot of its own, until the run has no work left and no invocation is
 * under way.
 *
 * @param lingerMs how long to wait for messages before that
 */
export const dispatchBatches = async (run: Run, lingerMs = LINGER_MS): Promise<WhyEnded> => {
  const { engine } = run
  run.idleAt = engine.clock.now() + lingerMs
  for (;;) {
    run.claiming = new AbortController()
    const ended = whyEnded(run)
    if (ended && ended !== 'disabled') return ended
    const { trigger } = run
    if (ended || !trigger) {
      if (run.underWay.size === 0) return 'idle'
      await run.wakeUp.wait(MARK_RENEWAL_MS)
      continue
    }
    const slot = await freeSlot(run, trigger)
    if (!slot) continue
    const batch = await claim(run, trigger)
    if (batch && batch.messages.length > 0) invokeBatch(run, trigger, slot, batch)
    else run.slots.free(slot)
    if (batch?.found) run.idleAt = engine.clock.now() + LINGER_MS
    else if (run.underWay.size === 0 && engine.clock.now() >= run.idleAt) return 'idle'
  }
}

const whyEnded = (run: Run): WhyEnded | 'disabled' | undefined => {
  if (!holdsMark(run)) return 'mark-lost'
  if (run.options.signal?.aborted) return 'stopped'
  if (!run.trigger?.enabled) return 'disabled'
  return run.engine.clock.now() >= claimsUntil(run, run.trigger) ? 'time-over' : undefined
}

/** A slot for the next invocation; `undefined` after a wait when none was free. */
const freeSlot = async (run: Run, trigger: Trigger): Promise<Slot | undefined> => {
  const { engine, slots, throttle, underWay } = run
  const now = engine.clock.now()
  if (throttle.tryAt > now || (throttle.delayMs > 0 && underWay.size > 0)) {
    // One invocation at a time shows whether the function runs again.
    const tryAt = throttle.tryAt > now ? throttle.tryAt - now : MARK_RENEWAL_MS
    await run.wakeUp.wait(Math.min(tryAt, MARK_RENEWAL_MS))
    return undefined
  }
  if (run.options.invoker.hasMemory?.() === false) {
    await run.wakeUp.wait(MEMORY_WAIT_MS)
    return undefined
  }
  const slot = await orFault(run, slots.acquire(trigger.maxConcurrency, trigger.functionTimeoutSeconds * 1_000))
  if (slot) return slot
  const wait = Math.max(1, slots.nextFreeAt(trigger.maxConcurrency) - now)
  await run.wakeUp.wait(Math.min(wait, MARK_RENEWAL_MS))
  return undefined
}

const claim = async (run: Run, trigger: Trigger): Promise<Batch | undefined> => {
  const now = run.engine.clock.now()
  const waitMs = run.underWay.size > 0 ? BUSY_WAIT_MS : Math.max(0, run.idleAt - now)
  const until = Math.min(now + waitMs, claimsUntil(run, trigger))
  return orFault(run, assembleBatch(run, trigger, until))
}

/** The result of work on the store; `undefined` after a passing failure and a pause. A lasting failure ends the run. */
const orFault = async <T>(run: Run, work: Promise<T>): Promise<T | undefined> => {
  try {
    return await work
  } catch (error) {
    // The run's last scan handles a queue that was deleted.
    if (!isHoldfastError(error) || !(error.retryable || error.code === 'QueueNotFound')) throw error
    run.observe({ type: 'store-failed', queue: run.options.queue, error })
    await run.wakeUp.wait(AFTER_FAULT_MS)
    return undefined
  }
}
