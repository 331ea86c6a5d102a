import type { Message } from '../model/message.ts'
import { plainName } from '../model/queue-name.ts'
import type { Failure } from '../model/result.ts'
import type { Batch } from './assemble-batch.ts'
import type { InvokeOutcome } from './invoker.ts'
import type { Run } from './run-state.ts'
import { settleBatch, settleUnmatched, type Verdicts, verdictsOf } from './settle-batch.ts'
import type { Slot } from './slots.ts'
import { FIRST_PROBE_MS, INVOCATION_MARGIN_MS, LAST_PROBE_MS, LINGER_MS } from './times.ts'
import type { Trigger } from './trigger.ts'

/** Invokes the function with a batch in a slot, and settles the batch after the answer. The run does not wait for it. */
export const invokeBatch = (run: Run, trigger: Trigger, slot: Slot, batch: Batch): void => {
  const outcome = isCovered(run, trigger, slot, batch) ? run.options.invoker.invoke(trigger, batch.messages) : undefined
  const work = settleOutcome(run, trigger, slot, withoutBodies(batch), outcome)
    .catch((error: unknown) => run.observe({ type: 'settling-failed', queue: trigger.queue, error }))
    .finally(() => {
      run.underWay.delete(work)
      run.wakeUp.wake()
      if (run.underWay.size > 0) return
      // Waits for messages are shorter from now on.
      run.idleAt = run.engine.clock.now() + LINGER_MS
      void endWait(run)
    })
  run.underWay.add(work)
}

/** A claim that goes on for longer waits for messages. */
const CLAIM_MS = 500

/** Ends a wait for messages that is under way. A claim is left alone: aborted, it would give back what it claims. */
const endWait = async (run: Run): Promise<void> => {
  const { claiming } = run
  await run.engine.clock.sleep(CLAIM_MS)
  if (run.claiming === claiming && run.underWay.size === 0) claiming.abort()
}

/** When an invocation that begins now must have ended, epoch ms. */
const endsByOf = ({ engine }: Run, { functionTimeoutSeconds }: Trigger): number =>
  engine.clock.now() + functionTimeoutSeconds * 1_000 + INVOCATION_MARGIN_MS

/** Checked right before the invocation is sent: after a pause since the claim, it might outlast its slot or its leases. */
const isCovered = (run: Run, trigger: Trigger, { busyUntil }: Slot, { messages }: Batch): boolean =>
  endsByOf(run, trigger) <= Math.min(busyUntil, ...messages.map(({ leasedUntil }) => leasedUntil))

/** A batch without bodies, to save memory: settling needs none, and many batches wait for their answers at the same time. */
const withoutBodies = ({ messages, unmatched, found }: Batch): Batch => ({
  messages: messages.map(withoutBody),
  unmatched: unmatched.map(withoutBody),
  found,
})
const withoutBody = (message: Message): Message => ({ ...message, body: null, attributes: {} })

/** @param invocation absent when it must not begin */
const settleOutcome = async (
  run: Run,
  trigger: Trigger,
  slot: Slot,
  batch: Batch,
  invocation: Promise<InvokeOutcome> | undefined,
): Promise<void> => {
  const { engine, slots } = run
  const { messages, unmatched } = batch
  const startedAt = engine.clock.now()
  const endsBy = endsByOf(run, trigger)
  if (!invocation) {
    slots.free(slot)
    return settleAll(run, batch, { acked: [], nacked: [], unreceived: messages })
  }
  const outcome = await invocation
  if (outcome.kind === 'unknown') {
    run.observe({ type: 'outcome-unknown', queue: trigger.queue, messages: messages.length, error: outcome.error })
    // The function may still run, so its slot and leases stay until it must have ended.
    slots.freeAt(slot, endsBy)
    return settleUnmatched(run, unmatched)
  }
  slots.free(slot)
  run.wakeUp.wake()
  noteThrottle(run, trigger, outcome)
  await settle(run, trigger, batch, outcome, engine.clock.now() - startedAt)
}

const settle = async (
  run: Run,
  { queue, reportBatchItemFailures }: Trigger,
  batch: Batch,
  outcome: Exclude<InvokeOutcome, { kind: 'unknown' }>,
  durationMs: number,
): Promise<void> => {
  const { messages } = batch
  if (outcome.kind === 'not-run') return settleAll(run, batch, { acked: [], nacked: [], unreceived: messages })
  if (outcome.kind === 'failed') {
    run.observe({ type: 'function-failed', queue, messages: messages.length, error: outcome.error })
    const failure = { name: 'FunctionError', message: outcome.error }
    return settleAll(run, batch, { acked: [], nacked: messages, unreceived: [] }, failure)
  }
  const failed = reportBatchItemFailures ? outcome.failed : new Set<string>()
  const verdicts = verdictsOf(messages, failed, plainName(queue).endsWith('.fifo'))
  run.observe({ type: 'invoked', queue, messages: messages.length, failed: failed.size, durationMs })
  await settleAll(run, batch, verdicts)
}

/** Settles the messages that the function got, and acks the unmatched ones with them: a segment's messages need one write. */
const settleAll = (run: Run, { unmatched }: Batch, verdicts: Verdicts, failure?: Failure): Promise<void> =>
  unmatched.length === 0 ? settleBatch(run, verdicts, failure) : settleUnmatched(run, unmatched, verdicts, failure)

/** After a refusal, one batch at a time tries whether the function runs again, each after a longer wait. */
const noteThrottle = ({ engine, throttle, observe }: Run, { queue }: Trigger, outcome: InvokeOutcome): void => {
  if (outcome.kind !== 'not-run') {
    throttle.delayMs = 0
    throttle.tryAt = 0
    return
  }
  throttle.delayMs = Math.min(LAST_PROBE_MS, Math.max(FIRST_PROBE_MS, throttle.delayMs * 2))
  throttle.tryAt = engine.clock.now() + throttle.delayMs
  const { reason, error } = outcome
  observe({ type: 'not-run', queue, reason, error, retryInMs: throttle.delayMs })
}
