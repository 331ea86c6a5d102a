import {
  BatchProcessor,
  EventType,
  processPartialResponse,
  SqsFifoPartialProcessorAsync,
} from '@aws-lambda-powertools/batch'
import { SqsSchema } from '@aws-lambda-powertools/parser/schemas/sqs'
import middy from '@middy/core'
import eventNormalizer from '@middy/event-normalizer'
import sqsPartialBatchFailure from '@middy/sqs-partial-batch-failure'
import type { SQSEvent, SQSRecord } from 'aws-lambda'
import { describe, expect, test } from 'vitest'
import type { NewMessage } from '../../../lib/model/message.ts'
import { DEFAULT_FIFO } from '../../../lib/model/queue-settings.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { setTrigger } from '../../../lib/triggers/trigger.ts'
import { deliver, runHandler, type SqsHandler } from '../../support/lambda-handler.ts'
import { type TestEngine, testEngine } from '../../support/test-engine.ts'

const BACKOFF_SECONDS = 120

/** A queue with a trigger, and these messages. */
const queueWith = async (messages: readonly NewMessage[], queue = 'orders'): Promise<TestEngine> => {
  const engine = testEngine()
  const fifo = queue.endsWith('.fifo') ? { fifo: DEFAULT_FIFO } : {}
  await createQueue(engine, queue, { settings: { ...fifo, visibilityTimeoutSeconds: BACKOFF_SECONDS } })
  await setTrigger(engine, { queue, functionName: 'handler', functionTimeoutSeconds: 10 })
  await publish(engine, queue, messages)
  return engine
}

/** What is left when a failed message comes again, in order: body and number of the receive. */
const leftIn = async (engine: TestEngine, queue = 'orders') => {
  await engine.clock.advance(BACKOFF_SECONDS * 1_000)
  const left: [unknown, number][] = []
  for (;;) {
    const messages = await poll(engine, queue, { maxMessages: 10, visibilityTimeoutSeconds: 600 })
    if (messages.length === 0) return left
    left.push(...messages.map(({ body, receiveCount }): [unknown, number] => [body, receiveCount]))
  }
}

const fails = ({ body }: Pick<SQSRecord, 'body'>): void => {
  if (body.includes('bad')) throw new Error(`${body} is refused`)
}
const bodies = (...texts: string[]): NewMessage[] => texts.map((body) => ({ body }))
const inGroup = (groupId: string, ...texts: string[]): NewMessage[] =>
  texts.map((body) => ({ body, groupId, deduplicationId: body }))

describe("the parser's schema of Powertools", () => {
  const attributes = {
    text: { dataType: 'String', value: 'a' },
    number: { dataType: 'Number', value: '1' },
    bytes: { dataType: 'Binary', value: Uint8Array.of(1) },
  }
  test.each([
    ['standard', 'orders', { body: 'x', attributes, traceHeader: 'Root=1-5759e988-bd862e3fe1be46a994272793' }],
    ['standard with a group', 'orders', { body: 'x', groupId: 'a' }],
    ['FIFO', 'orders.fifo', { body: 'x', attributes, groupId: 'a', deduplicationId: 'b' }],
  ])('takes the event of a %s queue, and knows all that is in it', async (_, queue, message: NewMessage) => {
    const engine = await queueWith([message], queue)
    const seen: SQSEvent[] = []
    const handler = runHandler((event) => void seen.push(event))
    await deliver(engine, queue, handler)
    expect(seen).toHaveLength(1)
    // The schema drops what it does not know.
    expect(SqsSchema.parse(seen[0])).toEqual(seen[0])
  })
})

describe('the batch processor of Powertools', () => {
  const handler: SqsHandler = (event, context) =>
    processPartialResponse(event, async (record: SQSRecord) => fails(record), new BatchProcessor(EventType.SQS), {
      context,
    })

  test('has what it processed acked, and what it did not comes again', async () => {
    const engine = await queueWith(bodies('a', 'bad 1', 'b', 'bad 2'))
    const { observed } = await deliver(engine, 'orders', runHandler(handler))
    expect(observed).toMatchObject([{ type: 'invoked', messages: 4, failed: 2 }])
    expect(await leftIn(engine)).toEqual([
      ['bad 1', 2],
      ['bad 2', 2],
    ])
  })

  test('throws when every message failed, and all come again', async () => {
    const engine = await queueWith(bodies('bad 1', 'bad 2'))
    const { observed } = await deliver(engine, 'orders', runHandler(handler))
    expect(observed).toMatchObject([{ type: 'function-failed', messages: 2, error: /^FullBatchFailureError: / }])
    expect(await leftIn(engine)).toEqual([
      ['bad 1', 2],
      ['bad 2', 2],
    ])
  })
})

describe('the FIFO processor of Powertools', () => {
  const handlerWith =
    (options: { skipGroupOnError?: boolean }): SqsHandler =>
    (event, context) =>
      processPartialResponse(event, fails, new SqsFifoPartialProcessorAsync(), { context, ...options })

  test('stops at the first failure: only that message has used up a receive', async () => {
    const engine = await queueWith(inGroup('red', 'a', 'bad', 'c', 'd'), 'orders.fifo')
    await deliver(engine, 'orders.fifo', runHandler(handlerWith({})))
    expect(await leftIn(engine, 'orders.fifo')).toEqual([
      ['bad', 2],
      ['c', 1],
      ['d', 1],
    ])
  })

  test('throws when the first message failed, and all come again in order', async () => {
    const engine = await queueWith(inGroup('red', 'bad', 'b', 'c'), 'orders.fifo')
    const { observed } = await deliver(engine, 'orders.fifo', runHandler(handlerWith({})))
    expect(observed).toMatchObject([{ type: 'function-failed', messages: 3, error: /^FullBatchFailureError: / }])
    const left = await leftIn(engine, 'orders.fifo')
    expect(left.map(([body]) => body)).toEqual(['bad', 'b', 'c'])
  })

  test('skips the rest of a failed group, and no other group, with the option for that', async () => {
    const engine = await queueWith([...inGroup('red', 'bad', 'b'), ...inGroup('blue', 'x', 'y')], 'orders.fifo')
    const groups: (string | undefined)[] = []
    const handler = handlerWith({ skipGroupOnError: true })
    const { observed } = await deliver(
      engine,
      'orders.fifo',
      runHandler((event, context) => {
        groups.push(...event.Records.map(({ attributes }) => attributes.MessageGroupId))
        return handler(event, context)
      }),
    )
    expect(groups.toSorted()).toEqual(['blue', 'blue', 'red', 'red'])
    expect(observed.length).toBeGreaterThan(0)
    const left = await leftIn(engine, 'orders.fifo')
    expect(left.map(([body]) => body)).toEqual(['bad', 'b'])
  })
})

describe('the middlewares of middy', () => {
  test('have what failed named, and bodies parsed', async () => {
    const seen: unknown[] = []
    const handler = middy<SQSEvent>()
      .use(eventNormalizer())
      .use(sqsPartialBatchFailure({ logger: () => {} }))
      .handler(({ Records }) =>
        Promise.allSettled(
          Records.map(async ({ body }) => {
            seen.push(body)
            if ((body as unknown as { bad?: boolean }).bad) throw new Error('refused')
          }),
        ),
      )
    const engine = await queueWith([{ body: { id: 1 } }, { body: { id: 2, bad: true } }, { body: { id: 3 } }])
    await deliver(
      engine,
      'orders',
      runHandler((event, context) => handler(event, context)),
    )
    expect(seen).toEqual([{ id: 1 }, { id: 2, bad: true }, { id: 3 }])
    expect(await leftIn(engine)).toEqual([[{ id: 2, bad: true }, 2]])
  })

  test('name all when the handler throws', async () => {
    const handler = middy<SQSEvent>()
      .use(sqsPartialBatchFailure({ logger: () => {} }))
      .handler(async () => {
        throw new Error('no database')
      })
    const engine = await queueWith(bodies('a', 'b'))
    const { observed } = await deliver(
      engine,
      'orders',
      runHandler((event, context) => handler(event, context)),
    )
    expect(observed).toMatchObject([{ type: 'invoked', messages: 2, failed: 2 }])
    expect(await leftIn(engine)).toEqual([
      ['a', 2],
      ['b', 2],
    ])
  })
})
