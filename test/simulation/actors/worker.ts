import { jsonCodec } from '../../../lib/codecs/json.ts'
import { isHoldfastError } from '../../../lib/model/errors.ts'
import type { Message } from '../../../lib/model/message.ts'
import type { AckEntry } from '../../../lib/settle/ack.ts'
import { noTelemetry } from '../../../lib/telemetry/telemetry.ts'
import { engineTransport } from '../../../lib/transport/engine-transport.ts'
import type { Transport } from '../../../lib/transport/port.ts'
import { consume } from '../../../lib/worker/worker.ts'
import { type Delivery, removed } from '../history.ts'
import type { Actor, World } from '../world.ts'
import { queueName } from '../world-settings.ts'
import { outcomeOf } from './consumer.ts'
import type { Work } from './employ.ts'

/** Runs a worker of the library for a while: handlers return, throw, and take longer than a lease. Then it stops, and drains. */
export const worker: Work = async (world, actor) => {
  const { random, process } = actor
  const forMs = random.whole(...world.spans.workerMs)
  const concurrency = random.oneOf([1, 3, 8])
  const visibilityTimeoutSeconds = Math.max(1, random.whole(...world.spans.leaseSeconds))
  const drainSeconds = random.oneOf([0, 1, 5])
  const handling = world.randomOf(actor, 1)
  const failures: unknown[] = []
  const queue = queueName(world.settings)
  const parts = {
    transport: recording(world, actor),
    telemetry: noTelemetry,
    name: queue,
    codec: jsonCodec(),
    onInvalid: () => {},
    clock: process.monotonic,
    fraction: handling.fraction,
    afterTurn: (work: () => void) => void process.sleep(0).then(work),
  }
  const handler = async ({ body }: { readonly body: unknown }) => {
    const [workMs, lot] = [handling.oneOf([0, 50, 1_500 * visibilityTimeoutSeconds]), handling.fraction()]
    await process.sleep(workMs)
    world.coverage.feature('workers')
    if (lot < 0.15) throw new Error(`the handler fails on ${body}`)
  }
  const options = {
    concurrency,
    visibilityTimeoutSeconds,
    drainSeconds,
    stopOnSigterm: false,
    onError: (error: unknown) => {
      if (isHoldfastError(error) && !error.retryable && !EXPECTED.has(error.code)) failures.push(error)
    },
  }
  const running = consume(parts, handler, options)
  await process.sleep(forMs)
  await running.stop()
  if (failures.length > 0) throw failures[0]
}

/** Errors that a worker must expect after too slow a work on a message, and on a deleted queue. */
const EXPECTED: ReadonlySet<string> = new Set(['LeaseLost', 'MessageNotFound', 'QueueNotFound'])

/** A transport in the worker's process that records the worker's requests and their answers. */
const recording = (world: World, { name, process }: Actor): Transport => {
  const { history, scheduler, settings, story } = world
  const transport = engineTransport(process.engine)
  const held = new Map<string, Delivery>()
  const of = (receiptHandle: string): Delivery => held.get(receiptHandle) as Delivery
  return {
    ...transport,
    poll: async (queue, options) => {
      const startedAt = scheduler.now()
      const messages: Message[] = await transport.poll(queue, options)
      const leaseMs = (options.visibilityTimeoutSeconds ?? 0) * 1_000
      const deliveries = history.received(queue, messages, { startedAt, endedAt: scheduler.now(), leaseMs })
      for (const one of deliveries) {
        held.set(one.message.receiptHandle, one)
        story?.note(scheduler.now(), name, `works on ${one.message.body}, receive ${one.message.receiveCount}`)
      }
      return messages
    },
    ack: async (queue, entries, options) => {
      const handles = entries.map((entry) => (typeof entry === 'string' ? entry : entry.receiptHandle))
      const startedAt = scheduler.now()
      const removals = handles.map((handle) => history.removing(of(handle).message.messageId, startedAt, of(handle)))
      const withOutcomes = handles.map((handle): AckEntry => ({ ...outcomeOf(of(handle)), receiptHandle: handle }))
      const results = await transport.ack(queue, settings.settings?.results ? withOutcomes : entries, options)
      for (const [at, removal] of removals.entries()) {
        const result = results[at]
        if (result?.ok) removed(removal, scheduler.now())
        else if (result?.error.code === 'LeaseLost') removal.outcome = 'refused'
      }
      return results
    },
    nack: (queue, entries, options) => {
      history.nacks += entries.length
      for (const { receiptHandle } of entries) history.givingBack(of(receiptHandle), process.engine.clock.now())
      return transport.nack(queue, entries, options)
    },
    unreceive: (queue, handles, options) => {
      for (const handle of handles) {
        history.unreceived.add(of(handle).message.messageId)
        history.givingBack(of(handle), process.engine.clock.now())
      }
      return transport.unreceive(queue, handles, options)
    },
    extend: async (queue, entries, options) => {
      const moves = entries.map(({ receiptHandle, visibilityTimeoutSeconds }) =>
        history.moving(of(receiptHandle), process.engine.clock.now() + visibilityTimeoutSeconds * 1_000),
      )
      const results = await transport.extend(queue, entries, options)
      for (const [at, move] of moves.entries()) if (results[at]?.ok) move.moved()
      return results
    },
  }
}
