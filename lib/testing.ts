import { randomUUID } from 'node:crypto'
import { type QueueClient, queueClient } from './client/queue.ts'
import { type Client, createClient } from './client.ts'
import type { Codec } from './codecs/codec.ts'
import { jsonCodec } from './codecs/json.ts'
import type { InvalidMessage, Received } from './codecs/read-message.ts'
import type { StandardSchema } from './codecs/schema.ts'
import { createEngine } from './engine.ts'
import type { GivenSettings } from './model/given-settings.ts'
import { type FieldNames, knownFields } from './model/known-fields.ts'
import type { StoredMessage } from './model/message.ts'
import { memoryStore } from './store/keyed/memory-store.ts'
import { noTelemetry } from './telemetry/telemetry.ts'
import { type ManualClock, manualClock, settled } from './testing/manual-clock.ts'
import { engineTransport } from './transport/engine-transport.ts'
import type { Handler } from './worker/handler.ts'
import { Reject, RetryLater } from './worker/verdicts.ts'

export type { GivenSettings } from './model/given-settings.ts'

export { memoryStore } from './store/keyed/memory-store.ts'
export { type ManualClock, manualClock } from './testing/manual-clock.ts'

export interface TestQueueOptions<In = never, Out = never> {
  /** @default orders, or orders.fifo for a FIFO queue */
  readonly name?: string
  /**
   * As for `createQueue`. Without a dead-letter queue of its own the queue gets one that takes messages after 3 receives.
   */
  readonly settings?: GivenSettings
  readonly schema?: StandardSchema<In, Out>
  readonly codec?: Codec<In, Out>
  /** Where the clock starts, epoch ms. @default 2026-03-01T12:00:00Z */
  readonly startAt?: number
}

const TEST_QUEUE_FIELDS: FieldNames<TestQueueOptions> = {
  name: true,
  settings: true,
  schema: true,
  codec: true,
  startAt: true,
}

/** The outcome of a handler's run. */
export type Outcome<Out> =
  | { readonly kind: 'acked'; readonly message: Received<Out>; readonly result: unknown }
  /** The handler threw, and the message is received again from `visibleAt` on, epoch ms. */
  | { readonly kind: 'retried'; readonly message: Received<Out>; readonly error: unknown; readonly visibleAt: number }
  /** It threw `Reject`, or failed at the last receive that a queue with results allows. */
  | { readonly kind: 'dead-lettered'; readonly message: Received<Out>; readonly error: unknown }

export interface TestQueue<In, Out = In> extends QueueClient<In, Out> {
  readonly client: Client
  /** The queue's time, which stands still until the test moves it. */
  readonly clock: ManualClock
  /** Moves time on: delays end, leases run out. */
  advance(ms: number): Promise<void>
  /**
   * Runs a handler on every message that can be received now, one at a time, in the queue's order. Messages that are delayed or
   * back off stay until the clock has moved.
   */
  drain(handler: Handler<Out>): Promise<Outcome<Out>[]>
  /** Runs a handler on one message as it would come from the queue: publishes it, receives it, settles it. */
  run(handler: Handler<Out>, body: In): Promise<Outcome<Out>>
  /** The messages in the dead-letter queue, with the reasons. */
  deadLetters(): Promise<readonly StoredMessage[]>
  /** The messages that could not be read, in order. */
  readonly invalid: readonly InvalidMessage[]
}

const DEAD_LETTER_RECEIVES = 3

/** A queue in memory, with no port and no timers, on a clock that the test moves. */
export const createTestQueue = async <In, Out = In>(
  options: TestQueueOptions<In, Out> = {},
): Promise<TestQueue<In, Out>> => {
  const { settings = {}, startAt } = knownFields(options, TEST_QUEUE_FIELDS)
  const clock = manualClock(startAt)
  const engine = createEngine({ store: memoryStore({ clock }), clock })
  const client = createClient({ engine })
  const name = options.name ?? (settings.fifo ? 'orders.fifo' : 'orders')
  const deadLetter = settings.deadLetter ?? deadLetterOf(name)
  await client.createQueue(deadLetter.queue)
  await client.createQueue(name, { ...settings, deadLetter })
  const invalid: InvalidMessage[] = []
  const queue = queueClient<In, Out>({
    transport: engineTransport(engine),
    name,
    codec: (options.codec ?? jsonCodec()) as Codec<unknown>,
    schema: options.schema,
    telemetry: noTelemetry,
    lingerMs: 0,
    clock,
    monotonic: clock,
    onInvalid: (failure) => invalid.push(failure),
  })
  const tested: Tested<In, Out> = { queue, keepsResults: Boolean(settings.results), invalid }
  return {
    ...queue,
    client,
    clock,
    advance: async (ms) => {
      await clock.advance(ms)
      await settled()
    },
    drain: (handler) => drain(tested, handler),
    run: (handler, body) => publishAndRun(tested, handler, body),
    deadLetters: () => allIn(client.queue(deadLetter.queue)),
    invalid,
  }
}

const deadLetterOf = (name: string) => ({
  queue: name.endsWith('.fifo') ? `${name.slice(0, -'.fifo'.length)}-dead.fifo` : `${name}-dead`,
  maxReceives: DEAD_LETTER_RECEIVES,
})

interface Tested<In, Out> {
  readonly queue: QueueClient<In, Out>
  readonly keepsResults: boolean
  readonly invalid: readonly InvalidMessage[]
}

/** Runs a handler on a message as a worker does, and settles the message. */
const runOn = async <In, Out>(
  { queue, keepsResults }: Tested<In, Out>,
  handler: Handler<Out>,
  message: Received<Out>,
): Promise<Outcome<Out>> => {
  let result: unknown
  try {
    result = await handler(message, { signal: new AbortController().signal })
  } catch (error) {
    if (error instanceof Reject) {
      await queue.nack(message, { deadLetter: true, error: error.message || 'Rejected', failure: error })
      return { kind: 'dead-lettered', message, error }
    }
    await queue.nack(message, error instanceof RetryLater ? { delaySeconds: error.seconds } : { failure: error })
    const { state } = await queue.status(message.messageId)
    if (state === 'deadLettered') return { kind: 'dead-lettered', message, error }
    const { visibleAt } = await queue.get(message.messageId)
    return { kind: 'retried', message, error, visibleAt }
  }
  await queue.ack(message, keepsResults && result !== undefined ? { result } : {})
  return { kind: 'acked', message, result }
}

const drain = async <In, Out>(tested: Tested<In, Out>, handler: Handler<Out>): Promise<Outcome<Out>[]> => {
  const outcomes: Outcome<Out>[] = []
  for (;;) {
    const [message] = await tested.queue.poll({ maxMessages: 1, waitTimeSeconds: 0 })
    if (!message) return outcomes
    outcomes.push(await runOn(tested, handler, message))
  }
}

const publishAndRun = async <In, Out>(
  tested: Tested<In, Out>,
  handler: Handler<Out>,
  body: In,
): Promise<Outcome<Out>> => {
  const { queue, invalid } = tested
  const grouped = queue.name.endsWith('.fifo') ? { groupId: 'test', deduplicationId: randomUUID() } : {}
  const { messageId } = await queue.publish(body, grouped)
  const [message] = await queue.poll({ maxMessages: 1, waitTimeSeconds: 0 })
  if (message?.messageId === messageId) return runOn(tested, handler, message)
  if (message) await queue.unreceive(message)
  throw new Error(
    message
      ? 'the queue holds other messages, which come first: drain it before'
      : `the message did not come: ${invalid.at(-1)?.reason ?? 'it is delayed, or others hold its group up'}`,
  )
}

const allIn = async (queue: Pick<QueueClient<unknown>, 'browse'>): Promise<StoredMessage[]> => {
  const found: StoredMessage[] = []
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await queue.browse({ limit: 100, ...(cursor !== undefined && { cursor }) })
    found.push(...page.messages)
    cursor = page.cursor
  }
  return found
}
