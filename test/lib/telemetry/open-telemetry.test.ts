import {
  context,
  metrics,
  propagation,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sqsRecord } from '../../../functions/triggers/sqs-event.ts'
import type { QueueClient } from '../../../lib/client/queue.ts'
import { type Client, createClient } from '../../../lib/client.ts'
import { queueHandler } from '../../../lib/lambda.ts'
import { HoldfastError } from '../../../lib/model/errors.ts'
import { LIMITS } from '../../../lib/model/limits.ts'
import type { MessageAttribute } from '../../../lib/model/message.ts'
import { openTelemetry } from '../../../lib/opentelemetry.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import { Reject } from '../../../lib/worker/verdicts.ts'
import type { ConsumeOptions } from '../../../lib/worker/worker.ts'
import { testEngine } from '../../support/test-engine.ts'
import { appFetch } from '../client/places.ts'

/** Spans and metrics of the process, as an application registers their SDKs. */
const spans = new InMemorySpanExporter()
let numbers: InMemoryMetricExporter
let reader: PeriodicExportingMetricReader

const registerTraces = (): void => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  )
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }))
}
const registerMetrics = (): void => {
  numbers = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  reader = new PeriodicExportingMetricReader({ exporter: numbers, exportIntervalMillis: 3_600_000 })
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
}

beforeEach(() => {
  registerTraces()
  registerMetrics()
})
afterEach(async () => {
  spans.reset()
  await reader.shutdown()
  for (const api of [context, propagation, trace, metrics]) api.disable()
})

/** What was counted and measured: a line for each metric and its labels, with a count. */
const measured = async (): Promise<string[]> => {
  await reader.forceFlush()
  const all =
    numbers
      .getMetrics()
      .at(-1)
      ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? []
  return all
    .flatMap(({ descriptor, dataPoints }) =>
      dataPoints.map(({ attributes, value }) => {
        const { 'messaging.operation.name': name, 'error.type': error } = attributes
        const count = typeof value === 'number' ? value : (value as { count: number }).count
        return `${descriptor.name} ${name}${error === undefined ? '' : ` (${error})`}: ${count}`
      }),
    )
    .toSorted()
}

const named = (name: string): ReadableSpan[] => spans.getFinishedSpans().filter((span) => span.name === name)
const only = (name: string): ReadableSpan => {
  const found = named(name)
  expect(spans.getFinishedSpans().map((span) => span.name)).toContain(name)
  expect(found).toHaveLength(1)
  return found[0] as ReadableSpan
}
const traceparentOf = ({ traceId, spanId }: SpanContext): string => `00-${traceId}-${spanId}-01`
const textOf = (attribute: MessageAttribute | undefined) => attribute?.value
const linked = (span: ReadableSpan): string[] => span.links.map((link) => link.context.spanId)

interface Rig {
  readonly client: Client
  readonly orders: QueueClient<number>
  /** Without telemetry. */
  readonly plain: QueueClient<number>
}

const rig = async (settings: Parameters<Client['createQueue']>[1] = {}): Promise<Rig> => {
  const engine = testEngine()
  const client = createClient({ engine, telemetry: openTelemetry() })
  await client.createQueue('failed')
  await client.createQueue('orders', settings)
  return { client, orders: client.queue<number>('orders'), plain: createClient({ engine }).queue<number>('orders') }
}

const ten = (count = 10): Record<string, MessageAttribute> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`own-${n}`, { dataType: 'String', value: 'x' }]))

/** Runs a worker on the real queue until its handler was called so often. */
const work = async (
  orders: QueueClient<number>,
  handler: (body: number) => unknown,
  times: number,
  options: ConsumeOptions = {},
): Promise<void> => {
  const stop = new AbortController()
  let calls = 0
  const worker = orders.consume(
    async ({ body }) => {
      if (++calls === times) stop.abort()
      await handler(body)
    },
    { onError: () => {}, ...options, stopOnSigterm: false, signal: stop.signal },
  )
  await worker.stopped
}

describe('a publish', () => {
  test('is a span of the producer within the active one, whose context travels as traceparent', async () => {
    const { orders } = await rig()
    const request = trace.getTracer('test').startSpan('request')
    const { messageId } = await context.with(trace.setSpan(ROOT_CONTEXT, request), () => orders.publish(1))
    const span = only('publish orders')
    expect(span.kind).toBe(SpanKind.PRODUCER)
    expect(span.parentSpanContext?.spanId).toBe(request.spanContext().spanId)
    expect(span.instrumentationScope.name).toBe('holdfast')
    expect(span.attributes).toEqual({
      'messaging.system': 'holdfast',
      'messaging.destination.name': 'orders',
      'messaging.operation.name': 'publish',
      'messaging.operation.type': 'send',
      'messaging.message.id': messageId,
    })
    const { attributes } = await orders.get(messageId)
    expect(attributes).toEqual({ traceparent: { dataType: 'String', value: traceparentOf(span.spanContext()) } })
  })

  test('takes what other propagators of the process add along, such as baggage', async () => {
    const { orders } = await rig()
    const within = propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ tenant: { value: 'ada' } }))
    const { messageId } = await context.with(within, () => orders.publish(1))
    const { attributes } = await orders.get(messageId)
    expect(Object.keys(attributes).toSorted()).toEqual(['baggage', 'traceparent'])
    expect(textOf(attributes.baggage)).toBe('tenant=ada')
  })

  test('leaves a context of the caller’s own alone, and links to it', async () => {
    const { orders } = await rig()
    const own = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const attributes = { traceparent: { dataType: 'String', value: own } }
    const { messageId } = await orders.publish(1, { attributes })
    expect((await orders.get(messageId)).attributes).toEqual(attributes)
    const span = only('publish orders')
    expect(span.kind).toBe(SpanKind.CLIENT)
    expect(linked(span)).toEqual(['b7ad6b7169203331'])
  })

  test('never replaces an attribute of the caller, not even one that is no context', async () => {
    const { orders } = await rig()
    const attributes = { traceparent: { dataType: 'String', value: 'tomorrow' } }
    const { messageId } = await orders.publish(1, { attributes })
    expect((await orders.get(messageId)).attributes).toEqual(attributes)
  })

  test('adds its context as the tenth attribute, and not as one more than SQS takes', async () => {
    const { orders } = await rig()
    const nine = await orders.publish(1, { attributes: ten(9) })
    const full = await orders.publish(2, { attributes: ten(10) })
    expect(Object.keys((await orders.get(nine.messageId)).attributes)).toHaveLength(10)
    expect((await orders.get(nine.messageId)).attributes).toHaveProperty('traceparent')
    expect((await orders.get(full.messageId)).attributes).toEqual(ten(10))
  })

  test('does not make a message too large', async () => {
    const engine = testEngine()
    const client = createClient({ engine, telemetry: openTelemetry() })
    await client.createQueue('orders')
    const orders = client.queue<string>('orders')
    // JSON adds two quotation marks to a text.
    const { messageId } = await orders.publish('x'.repeat(LIMITS.messageBytes - 2))
    expect((await orders.get(messageId)).attributes).toEqual({})
  })

  test("that fails has the error's code as error.type", async () => {
    const { client } = await rig()
    const missing = client.queue<number>('missing')
    await expect(missing.publish(1)).rejects.toMatchObject({ code: 'QueueNotFound' })
    const span = only('publish missing')
    expect(span.status.code).toBe(SpanStatusCode.ERROR)
    expect(span.attributes['error.type']).toBe('QueueNotFound')
    expect(span.attributes).not.toHaveProperty('messaging.message.id')
    expect(span.events.map(({ name }) => name)).toEqual(['exception'])
    expect(await measured()).toEqual([
      'messaging.client.operation.duration publish (QueueNotFound): 1',
      'messaging.client.sent.messages publish (QueueNotFound): 1',
    ])
  })

  test('of several is a span that links to one for each message, whose context each carries', async () => {
    const { orders } = await rig()
    const own = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const outcomes = await orders.publishBatch([
      { body: 1 },
      { body: 2 },
      { body: 3, attributes: { traceparent: { dataType: 'String', value: own } } },
    ])
    const created = named('create orders')
    expect(created.map(({ kind }) => kind)).toEqual([SpanKind.PRODUCER, SpanKind.PRODUCER])
    const span = only('publish orders')
    expect(span.kind).toBe(SpanKind.CLIENT)
    expect(span.attributes['messaging.batch.message_count']).toBe(3)
    const creations = created.map((one) => one.spanContext())
    expect(linked(span)).toEqual([...creations.map(({ spanId }) => spanId), 'b7ad6b7169203331'])
    const carried = await Promise.all(
      outcomes.map(async (outcome) =>
        outcome.ok ? textOf((await orders.get(outcome.messageId)).attributes.traceparent) : outcome,
      ),
    )
    expect(carried).toEqual([...creations.map(traceparentOf), own])
    expect(await measured()).toEqual([
      'messaging.client.operation.duration publish: 1',
      'messaging.client.sent.messages publish: 3',
    ])
  })

  test("over HTTP has the server's address, and its context is in the request", async () => {
    const engine = testEngine()
    const url = 'http://127.0.0.1:9324'
    const client = createClient({ url, fetch: appFetch(engine), telemetry: openTelemetry() })
    await client.createQueue('orders')
    const orders = client.queue<number>('orders')
    await orders.publish(1)
    const span = only('publish orders')
    expect(span.attributes).toMatchObject({ 'server.address': '127.0.0.1', 'server.port': 9324 })
    const [message] = await orders.poll()
    expect(textOf(message?.attributes.traceparent)).toBe(traceparentOf(span.spanContext()))
  })
})

describe('a poll and what settles its messages', () => {
  test('are spans that link to where the messages were created', async () => {
    const { orders, plain } = await rig()
    await orders.publishBatch([{ body: 1 }, { body: 2 }])
    await plain.publish(3)
    const creations = named('create orders').map((one) => one.spanContext().spanId)
    const messages = await orders.poll()
    expect(messages).toHaveLength(3)
    const poll = only('poll orders')
    expect(poll.kind).toBe(SpanKind.CLIENT)
    expect(poll.attributes).toMatchObject({
      'messaging.operation.type': 'receive',
      'messaging.batch.message_count': 3,
    })
    expect(linked(poll).toSorted()).toEqual(creations.toSorted())
    expect(poll.links.map(({ attributes }) => attributes?.['messaging.message.id']).toSorted()).toEqual(
      messages
        .filter(({ body }) => body < 3)
        .map(({ messageId }) => messageId)
        .toSorted(),
    )
    const [first, ...others] = messages
    await orders.ack(first as never)
    await orders.nack(others)
    await orders.ack([])
    expect(only('ack orders').attributes).toMatchObject({
      'messaging.operation.type': 'settle',
      'messaging.message.id': first?.messageId,
    })
    expect(only('nack orders').attributes).toMatchObject({ 'messaging.batch.message_count': 2 })
    expect(await measured()).toEqual([
      'messaging.client.consumed.messages poll: 3',
      'messaging.client.operation.duration ack: 1',
      'messaging.client.operation.duration nack: 1',
      'messaging.client.operation.duration poll: 1',
      'messaging.client.operation.duration publish: 1',
      'messaging.client.sent.messages publish: 2',
    ])
  })

  test('have an error when one of several messages could not be settled', async () => {
    const { orders } = await rig()
    await orders.publish(1)
    const [message] = await orders.poll()
    const results = await orders.ack([message as never, 'nonsense'])
    expect(results.map(({ ok }) => ok)).toEqual([true, false])
    expect(only('ack orders')).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'ReceiptHandleInvalid' },
    })
  })
})

describe('a worker', () => {
  test('runs each handler in a span below the one that its message was created in, and its ack there, too', async () => {
    const { orders } = await rig()
    const { messageId } = await orders.publish(1)
    const created = only('publish orders').spanContext()
    const active: (SpanContext | undefined)[] = []
    // What is active where a worker is started has nothing to do with its messages.
    const startup = trace.getTracer('test').startSpan('startup')
    await context.with(trace.setSpan(ROOT_CONTEXT, startup), () =>
      work(orders, () => void active.push(trace.getActiveSpan()?.spanContext()), 1),
    )
    const span = only('process orders')
    expect(span.kind).toBe(SpanKind.CONSUMER)
    expect(span.spanContext().traceId).toBe(created.traceId)
    expect(span.parentSpanContext?.spanId).toBe(created.spanId)
    expect(linked(span)).toEqual([created.spanId])
    expect(active).toEqual([span.spanContext()])
    expect(span.attributes).toEqual({
      'messaging.system': 'holdfast',
      'messaging.destination.name': 'orders',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.message.id': messageId,
      'messaging.holdfast.message.receive_count': 1,
    })
    expect(only('ack orders').parentSpanContext?.spanId).toBe(created.spanId)
    expect(named('poll orders')).toEqual([])
    expect(await measured()).toEqual([
      'messaging.client.consumed.messages process: 1',
      'messaging.client.operation.duration ack: 1',
      'messaging.client.operation.duration poll: 1',
      'messaging.client.operation.duration publish: 1',
      'messaging.client.sent.messages publish: 1',
      'messaging.process.duration process: 1',
    ])
  })

  test('starts a trace for a message that carries no context', async () => {
    const { orders, plain } = await rig()
    await plain.publish(1)
    await work(orders, () => {}, 1)
    expect(only('process orders')).toMatchObject({ parentSpanContext: undefined, links: [] })
  })

  test('marks a handler that threw as failed, by the name of its error', async () => {
    const { orders, client } = await rig({ deadLetter: { queue: 'failed', maxReceives: 5 } })
    await orders.publish(1)
    await work(orders, () => Promise.reject(new Reject('no such order')), 1)
    expect(only('process orders')).toMatchObject({
      status: { code: SpanStatusCode.ERROR, message: 'no such order' },
      attributes: { 'error.type': 'Reject' },
    })
    expect(only('nack orders').status.code).toBe(SpanStatusCode.UNSET)
    expect(await measured()).toContain('messaging.process.duration process (Reject): 1')
    // The trace goes along to where the message is looked into.
    const { messages } = await client.queue('failed').browse()
    expect(textOf(messages[0]?.attributes.traceparent)).toBe(traceparentOf(only('publish orders').spanContext()))
  })

  test('runs a handler of batches in one span without a parent, which links to each creation', async () => {
    const { orders } = await rig()
    await orders.publishBatch([{ body: 1 }, { body: 2 }])
    const stop = new AbortController()
    const worker = orders.consume(() => stop.abort(), { batchSize: 5, signal: stop.signal, stopOnSigterm: false })
    await worker.stopped
    const span = only('process orders')
    expect(span.parentSpanContext).toBeUndefined()
    expect(span.attributes['messaging.batch.message_count']).toBe(2)
    const creations = named('create orders').map((one) => one.spanContext().spanId)
    expect(linked(span).toSorted()).toEqual(creations.toSorted())
    // Two messages that were settled on their own, each in the trace that it came from.
    expect(
      named('ack orders')
        .map((ack) => ack.parentSpanContext?.spanId)
        .toSorted(),
    ).toEqual(creations.toSorted())
  })

  test('counts polls that fail', async () => {
    const { client } = await rig()
    const failed = new AbortController()
    const worker = client.queue<number>('missing').consume(() => {}, {
      stopOnSigterm: false,
      signal: failed.signal,
      onError: () => failed.abort(),
      visibilityTimeoutSeconds: 30,
    })
    await worker.stopped
    expect(await measured()).toEqual(['messaging.client.operation.duration poll (QueueNotFound): 1'])
  })
})

describe('without an SDK', () => {
  test('nothing travels and nothing fails', async () => {
    for (const api of [context, propagation, trace, metrics]) api.disable()
    const { orders } = await rig()
    const { messageId } = await orders.publish(1)
    expect((await orders.get(messageId)).attributes).toEqual({})
    await work(orders, () => {}, 1)
    expect(await orders.counts()).toMatchObject({ ready: 0, leased: 0 })
  })

  test('one that is registered after the client is used from then on', async () => {
    for (const api of [context, propagation, trace, metrics]) api.disable()
    const { orders } = await rig()
    await orders.publish(1)
    registerTraces()
    registerMetrics()
    await orders.publish(2)
    expect(named('publish orders')).toHaveLength(1)
    expect(await measured()).toContain('messaging.client.sent.messages publish: 1')
  })
})

test('a processor of spans that throws fails neither a publish that was stored nor a handler that returned', async () => {
  trace.disable()
  const broken = () => {
    throw new Error('the exporter is broken')
  }
  const nothing = async () => {}
  const processor = { onStart: () => {}, onEnd: broken, forceFlush: nothing, shutdown: nothing }
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [processor] }))
  const { orders, plain } = await rig()
  await plain.publish(1)
  expect(await orders.publish(2)).toHaveProperty('messageId')
  await work(orders, () => {}, 2)
  expect(await orders.counts()).toMatchObject({ ready: 0, leased: 0 })
})

test('a client without telemetry adds nothing, whatever the process has registered', async () => {
  const client = createClient({ store: memoryStore() })
  await client.createQueue('orders')
  const { messageId } = await client.queue<number>('orders').publish(1)
  expect((await client.queue('orders').get(messageId)).attributes).toEqual({})
  expect(spans.getFinishedSpans()).toEqual([])
})

test('an error that is no error of ours and no Error either has the fallback type', async () => {
  const { orders } = await rig()
  await orders.publish(1)
  await work(orders, () => Promise.reject('out of paper'), 1)
  expect(only('process orders')).toMatchObject({
    status: { code: SpanStatusCode.ERROR, message: 'out of paper' },
    attributes: { 'error.type': '_OTHER' },
  })
})

test('an error of ours that a handler throws counts by its code', async () => {
  const { orders } = await rig()
  await orders.publish(1)
  await work(orders, () => Promise.reject(new HoldfastError('Throttled', 'later')), 1)
  expect(only('process orders').attributes['error.type']).toBe('Throttled')
})

test('what a transaction publishes carries the trace context of its creation', async () => {
  const { client, plain } = await rig()
  const tx = client.transaction()
  tx.publish('orders', [{ body: 1 }, { body: 2 }])
  tx.publish('failed', [{ body: 3 }])
  const { published } = await tx.commit()
  const received = await plain.poll()
  const created = named('create orders')
  expect(received.map(({ attributes }) => textOf(attributes.traceparent))).toEqual(
    created.map((span) => traceparentOf(span.spanContext())),
  )
  expect(received.map(({ messageId }) => messageId)).toEqual(published.slice(0, 2).map(({ messageId }) => messageId))
  expect(named('create failed')).toHaveLength(1)
  expect([only('publish orders'), only('publish failed')].map((span) => span.status.code)).toEqual([0, 0])
})

describe('a function that gets events of queues', () => {
  const invoke = async (orders: QueueClient<number>, handler: (body: number) => unknown, failed: unknown[] = []) => {
    const from = { queue: { settings: {} }, address: { account: '000000000000', region: 'us-east-1', name: 'orders' } }
    const handle = queueHandler<number>(handler, {
      telemetry: openTelemetry(),
      onError: (error) => void failed.push(error),
    })
    const messages = await orders.poll()
    const records = messages.map((message) => sqsRecord({ ...message, body: String(message.body) }, from as never))
    return handle({ Records: records }, {})
  }

  test('has a span for each record, in the trace that its message was created in, linked to the invocation', async () => {
    const { orders, plain } = await rig()
    const { messageId } = await orders.publish(7)
    const invocation = trace.getTracer('test').startSpan('invocation')
    let within: SpanContext | undefined
    await context.with(trace.setSpan(ROOT_CONTEXT, invocation), () =>
      invoke(plain, () => {
        within = trace.getSpan(context.active())?.spanContext()
      }),
    )
    const created = only('publish orders').spanContext()
    const span = only('process orders')
    expect(span.kind).toBe(SpanKind.CONSUMER)
    expect(span.spanContext()).toEqual(within)
    expect(span.parentSpanContext?.spanId).toBe(created.spanId)
    expect(linked(span)).toEqual([created.spanId, invocation.spanContext().spanId])
    expect(span.attributes).toEqual({
      'messaging.system': 'holdfast',
      'messaging.destination.name': 'orders',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.message.id': messageId,
      'messaging.holdfast.message.receive_count': 1,
    })
    expect(await measured()).toContain('messaging.client.consumed.messages process: 1')
    expect(await measured()).toContain('messaging.process.duration process: 1')
  })

  test('works on a message without a context within the invocation', async () => {
    const { plain } = await rig()
    await plain.publish(7)
    const invocation = trace.getTracer('test').startSpan('invocation')
    await context.with(trace.setSpan(ROOT_CONTEXT, invocation), () => invoke(plain, () => {}))
    const span = only('process orders')
    expect(span.parentSpanContext?.spanId).toBe(invocation.spanContext().spanId)
    expect(linked(span)).toEqual([])
  })

  test('marks the span of a record that failed, which alone comes again', async () => {
    const { orders, plain } = await rig()
    const { messageId } = await orders.publish(7)
    const failed: unknown[] = []
    const work = () => {
      throw new TypeError('no such order')
    }
    expect(await invoke(plain, work, failed)).toEqual({ batchItemFailures: [{ itemIdentifier: messageId }] })
    expect(failed).toEqual([new TypeError('no such order')])
    expect(only('process orders').attributes['error.type']).toBe('TypeError')
    expect(await measured()).toContain('messaging.process.duration process (TypeError): 1')
  })
})
