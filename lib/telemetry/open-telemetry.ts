import { context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import type { HandleResult, Message, NewMessage, PublishResult } from '../model/message.ts'
import { type Operation, QueueSpans } from './queue-spans.ts'
import { aboutMessage, firstError, linksTo, placeOf } from './span-parts.ts'
import type { Processed, Published, QueueTelemetry, Server, Settled, SettleVerb, Telemetry } from './telemetry.ts'
import { contextOf, creationOf, withContext } from './trace-context.ts'

/**
 * Spans and metrics of a client's operations, by OpenTelemetry's conventions for messaging (1.45, in development). It uses the
 * providers and propagators that the process has registered, before this call or after it.
 *
 * | Work | Span | Kind | Parent | Links |
 * |---|---|---|---|---|
 * | `publish` | `publish {queue}` | producer | the active span | a context that the caller put into the message |
 * | `publishBatch` | `create {queue}` for each message, `publish {queue}` | producer, client | the active span | each message's creation |
 * | `poll` | `poll {queue}` | client | the active span | each message's creation |
 * | a handler | `process {queue}` | consumer | the message's creation, else the active span; none for a batch | each message's creation, the active span |
 * | `ack`, `nack`, `unreceive` | `ack {queue}` … | client | the active span, else the message's creation | each message's creation |
 *
 * A worker's polls have no spans. The metrics count them.
 */
export const openTelemetry = (): Telemetry => ({ queue: (name, server) => new TracedQueue(name, server) })

const PUBLISH = { name: 'publish', type: 'send' } as const
const POLL = { name: 'poll', type: 'receive' } as const
const PROCESS = { name: 'process', type: 'process' } as const

class TracedQueue implements QueueTelemetry {
  readonly #spans: QueueSpans

  constructor(queue: string, server: Server | undefined) {
    this.#spans = new QueueSpans(queue, server)
  }

  publish(message: NewMessage, send: (message: NewMessage) => Promise<PublishResult>): Promise<PublishResult> {
    const own = creationOf(message)
    const kind = own ? SpanKind.CLIENT : SpanKind.PRODUCER
    const countSent = (result: Published) => this.#countSent(result)
    return this.#spans.run<PublishResult>(
      { ...PUBLISH, kind, links: own ? [{ context: own }] : [] },
      async (_span, within) => {
        const sending = send(own ? message : withContext(message, within))
        sending.then(countSent, (error: unknown) => countSent({ error }))
        return sending
      },
      (result, span) => {
        if ('error' in result) return result.error
        span.setAttribute('messaging.message.id', result.messageId)
        return undefined
      },
    )
  }

  publishBatch<R extends Published>(
    messages: readonly NewMessage[],
    send: (messages: readonly NewMessage[]) => Promise<R[]>,
  ): Promise<R[]> {
    const created = messages.map((message) => this.#create(message))
    const operation = {
      ...PUBLISH,
      kind: SpanKind.CLIENT,
      links: linksTo(created),
      attributes: { 'messaging.batch.message_count': messages.length },
    }
    const work = async () => {
      const results = await send(created)
      for (const result of results) this.#countSent(result)
      return results
    }
    return this.#spans.run(operation, work, firstError)
  }

  // Links belong to a span's start, but the messages of a poll are known at its end: their links are added then.
  poll(poll: () => Promise<Message[]>): Promise<Message[]> {
    return this.#spans.run({ ...POLL, kind: SpanKind.CLIENT }, poll, (messages, span) => {
      span.setAttribute('messaging.batch.message_count', messages.length)
      span.addLinks(linksTo(messages))
      this.#spans.countConsumed(POLL, messages.length)
      return undefined
    })
  }

  detached<T>(start: () => T): T {
    return context.with(ROOT_CONTEXT, start)
  }

  workerPoll(poll: () => Promise<Message[]>): Promise<Message[]> {
    return this.#spans.measure(POLL, poll)
  }

  process(messages: readonly Processed[], batch: boolean, work: () => unknown): unknown {
    this.#spans.countConsumed(PROCESS, messages.length)
    const [only] = messages
    const operation: Operation = {
      ...PROCESS,
      kind: SpanKind.CONSUMER,
      ...(only && !batch ? placeOf(only) : { parent: ROOT_CONTEXT, links: linksTo(messages) }),
      attributes: only && !batch ? aboutMessage(only) : { 'messaging.batch.message_count': messages.length },
    }
    return this.#spans.run(operation, async () => work())
  }

  settle<R extends HandleResult | HandleResult[]>(
    verb: SettleVerb,
    messages: readonly Settled[],
    settle: () => Promise<R>,
  ): Promise<R> {
    const [only] = messages.length === 1 ? messages : []
    const within = context.active()
    const operation: Operation = {
      name: verb,
      type: 'settle',
      kind: SpanKind.CLIENT,
      parent: trace.getSpan(within) || !only ? within : contextOf(only),
      links: linksTo(messages),
      attributes: only
        ? { ...(only.messageId !== undefined && { 'messaging.message.id': only.messageId }) }
        : { 'messaging.batch.message_count': messages.length },
    }
    return this.#spans.run(operation, settle, (results) => firstError([results].flat()))
  }

  /** A message with the context of a span of its creation, which the caller may have given it. */
  #create(message: NewMessage): NewMessage {
    if (creationOf(message)) return message
    const { span, within } = this.#spans.start({ name: 'create', type: 'create', kind: SpanKind.PRODUCER })
    span.end()
    return withContext(message, within)
  }

  #countSent(result: Published): void {
    this.#spans.countSent(PUBLISH, 'error' in result ? result : undefined)
  }
}
