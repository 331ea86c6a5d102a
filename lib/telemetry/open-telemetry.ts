import {
  type Attributes,
  type Context,
  context,
  diag,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
  trace,
} from '@opentelemetry/api'
import type { PublishResult } from '../model/message.ts'
import { instruments } from './instruments.ts'
import { aboutMessage, errorType, firstError, linksTo, markFailed, placeOf } from './span-parts.ts'
import type { Published, QueueTelemetry, Server, Telemetry } from './telemetry.ts'
import { contextOf, creationOf, withContext } from './trace-context.ts'

/** The instrumentation scope of all spans and metrics. */
const SCOPE = 'holdfast'

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
export const openTelemetry = (): Telemetry => ({ queue: (name, server) => queueTelemetry(name, server) })

/** An operation, as its span and its metrics name it. */
interface Operation {
  /** The client's name for the operation. */
  readonly name: string
  /** The conventions' name for the operation. */
  readonly type: 'create' | 'send' | 'receive' | 'process' | 'settle'
  readonly kind: SpanKind
  readonly parent?: Context
  readonly links?: readonly Link[]
  readonly attributes?: Attributes
}

const queueTelemetry = (queue: string, server: Server | undefined): QueueTelemetry => {
  const tracer = trace.getTracer(SCOPE)
  const metrics = instruments(SCOPE)
  const common: Attributes = {
    'messaging.system': 'holdfast',
    'messaging.destination.name': queue,
    ...(server && { 'server.address': server.address }),
    ...(server?.port !== undefined && { 'server.port': server.port }),
  }
  const labelsOf = ({ name, type }: Pick<Operation, 'name' | 'type'>): Attributes => ({
    ...common,
    'messaging.operation.name': name,
    'messaging.operation.type': type,
  })

  const startSpan = (operation: Operation): { span: Span; within: Context } => {
    const { name, kind, parent = context.active(), links = [], attributes = {} } = operation
    const options: SpanOptions = { kind, links: [...links], attributes: { ...labelsOf(operation), ...attributes } }
    const span = tracer.startSpan(`${name} ${queue}`, options, parent)
    return { span, within: trace.setSpan(parent, span) }
  }

  /** Runs work in a span. `judge` finds the error in what the work returns, when the work does not throw. */
  const run = async <T>(
    operation: Operation,
    work: (span: Span, within: Context) => Promise<T>,
    judge: (result: T, span: Span) => unknown = () => undefined,
  ): Promise<T> => {
    const startedAt = performance.now()
    const { span, within } = startSpan(operation)
    const end = (error: unknown): void => {
      const failure = error === undefined ? {} : { 'error.type': errorType(error) }
      if (error !== undefined) markFailed(span, error)
      span.end()
      const labels = { ...labelsOf(operation), ...failure }
      const duration = operation.type === 'process' ? metrics().processDuration : metrics().operationDuration
      duration.record((performance.now() - startedAt) / 1_000, labels)
    }
    try {
      const result = await context.with(within, () => work(span, within))
      harmless(() => end(judge(result, span)))
      return result
    } catch (error) {
      harmless(() => end(error))
      throw error
    }
  }

  const countSent = (result: Published): void =>
    harmless(() =>
      metrics().sent.add(1, {
        ...labelsOf(PUBLISH),
        ...('error' in result && { 'error.type': errorType(result.error) }),
      }),
    )
  const countConsumed = (operation: Pick<Operation, 'name' | 'type'>, count: number): void => {
    if (count > 0) metrics().consumed.add(count, labelsOf(operation))
  }

  const create = (message: Parameters<typeof withContext>[0]) => {
    if (creationOf(message)) return message
    const { span, within } = startSpan({ name: 'create', type: 'create', kind: SpanKind.PRODUCER })
    span.end()
    return withContext(message, within)
  }

  return {
    publish: (message, send) => {
      const own = creationOf(message)
      return run<PublishResult>(
        { ...PUBLISH, kind: own ? SpanKind.CLIENT : SpanKind.PRODUCER, links: own ? [{ context: own }] : [] },
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
    },

    publishBatch: (messages, send) => {
      const created = messages.map(create)
      const operation = {
        ...PUBLISH,
        kind: SpanKind.CLIENT,
        links: linksTo(created),
        attributes: { 'messaging.batch.message_count': messages.length },
      }
      return run(
        operation,
        async () => {
          const results = await send(created)
          for (const result of results) countSent(result)
          return results
        },
        (results) => firstError(results),
      )
    },

    // Links belong to a span's start, but the messages of a poll are known at its end: their links are added then.
    poll: (poll) =>
      run({ ...POLL, kind: SpanKind.CLIENT }, poll, (messages, span) => {
        span.setAttribute('messaging.batch.message_count', messages.length)
        span.addLinks(linksTo(messages))
        countConsumed(POLL, messages.length)
        return undefined
      }),

    detached: (start) => context.with(ROOT_CONTEXT, start),

    workerPoll: async (poll) => {
      const startedAt = performance.now()
      const measure = (failure: Attributes) =>
        harmless(() => {
          const labels = { ...labelsOf(POLL), ...failure }
          metrics().operationDuration.record((performance.now() - startedAt) / 1_000, labels)
        })
      try {
        const messages = await poll()
        measure({})
        return messages
      } catch (error) {
        measure({ 'error.type': errorType(error) })
        throw error
      }
    },

    process: (messages, batch, work) => {
      countConsumed(PROCESS, messages.length)
      const [only] = messages
      const operation: Operation = {
        ...PROCESS,
        kind: SpanKind.CONSUMER,
        ...(only && !batch ? placeOf(only) : { parent: ROOT_CONTEXT, links: linksTo(messages) }),
        attributes: only && !batch ? aboutMessage(only) : { 'messaging.batch.message_count': messages.length },
      }
      return run(operation, async () => work())
    },

    settle: (verb, messages, settle) => {
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
      return run(operation, settle, (results) => firstError([results].flat()))
    },
  }
}

/** Keeps errors of telemetry from failing the operation that it reports, which has succeeded already. */
const harmless = (report: () => void): void => {
  try {
    report()
  } catch (error) {
    diag.error('a span or a metric of Holdfast failed', error)
  }
}

const PUBLISH = { name: 'publish', type: 'send' } as const
const POLL = { name: 'poll', type: 'receive' } as const
const PROCESS = { name: 'process', type: 'process' } as const
