import { expect, test } from 'vitest'
import { MODEL } from '../../../functions/sqs/model.ts'
import type { Shape } from '../../../functions/sqs/shapes.ts'
import { createEngine } from '../../../lib/engine.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import { hastyClock } from '../../support/manual-clock.ts'
import fc from '../../support/properties.ts'
import { BASE, sqsHarness } from './harness.ts'

const ACTIONS = Object.keys(MODEL) as (keyof typeof MODEL)[]
const QUEUE_URLS = ['orders', 'dead', 'orders.fifo'].map((name) => `${BASE}/000000000000/${name}`)

/** Waits of long polls pass at once. */
const harness = async () => {
  const clock = hastyClock()
  const sqs = sqsHarness({ engine: createEngine({ store: memoryStore({ clock }), clock }) })
  for (const url of QUEUE_URLS) {
    const name = String(url.split('/').at(-1))
    await sqs.queue(name, name.endsWith('.fifo') ? { FifoQueue: 'true', ContentBasedDeduplication: 'true' } : {})
  }
  return sqs
}

/** Texts that requests are made of, and others. */
const text = fc.oneof(
  fc.constantFrom(
    ...QUEUE_URLS,
    'orders',
    'All',
    '.*',
    '1',
    '-1',
    '99999999999',
    '1e3',
    'String',
    'Number',
    'Binary',
    'AWSTraceHeader',
    'Policy',
    'RedrivePolicy',
    'VisibilityTimeout',
    'FifoQueue',
    'Holdfast.Priority',
    'Holdfast.DueAt',
    'HoldfastRetryPolicy',
    'arn:aws:sqs:us-east-1:000000000000:dead',
    '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":3}',
    '{"Statement":[]}',
    '__proto__',
    'constructor',
    'true',
    '',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
)

/** Values that mostly have the shape, so that they get past the decoding. */
const shaped = (shape: Shape): fc.Arbitrary<unknown> => {
  const exact = (): fc.Arbitrary<unknown> => {
    switch (shape.kind) {
      case 'string':
        return text
      case 'blob':
        return fc.base64String()
      case 'integer':
        return fc.oneof(fc.integer({ min: -1, max: 30 }), fc.maxSafeInteger())
      case 'boolean':
        return fc.boolean()
      case 'list':
        return fc.array(shaped(shape.member), { maxLength: 11 })
      case 'map':
        return fc.dictionary(text, shaped(shape.value), { maxKeys: 4 })
      case 'structure':
        return fc.record(
          Object.fromEntries(Object.entries(shape.members).map(([name, member]) => [name, shaped(member)])),
          { requiredKeys: [] },
        )
    }
  }
  return fc.oneof({ weight: 19, arbitrary: exact() }, { weight: 1, arbitrary: fc.jsonValue() })
}

const calls = fc.constantFrom(...ACTIONS).chain((action) =>
  fc.record({
    action: fc.constant(action),
    input: shaped(MODEL[action].input),
    queue: fc.option(fc.constantFrom(...QUEUE_URLS), { nil: undefined }),
  }),
)

const answered = async (response: Response): Promise<void> => {
  expect(response.status).toBeLessThan(500)
  await response.text()
}

test('every JSON body gets an answer that is no internal failure', async () => {
  const sqs = await harness()
  await fc.assert(
    fc.asyncProperty(fc.array(calls, { minLength: 1, maxLength: 6 }), async (sequence) => {
      for (const { action, input, queue } of sequence) {
        const body = queue && input !== null && typeof input === 'object' ? { ...input, QueueUrl: queue } : input
        await answered(
          await sqs.fetch(
            new Request(BASE, {
              method: 'POST',
              headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${action}` },
              body: JSON.stringify(body) ?? 'null',
            }),
          ),
        )
      }
    }),
    { numRuns: 400 },
  )
})

test('no text in the place of JSON', async () => {
  const sqs = await harness()
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ACTIONS),
      fc.string({ unit: 'binary' }),
      text,
      async (action, body, contentType) => {
        const headers = {
          'x-amz-target': `AmazonSQS.${action}`,
          'content-type': contentType.replace(/[^\x20-\x7e]/g, ''),
        }
        await answered(await sqs.fetch(new Request(BASE, { method: 'POST', headers, body })))
      },
    ),
    { numRuns: 300 },
  )
})

const names = fc.oneof(
  fc.constantFrom(
    'QueueName',
    'QueueUrl',
    'MessageBody',
    'Attribute.1.Name',
    'Attribute.1.Value',
    'Attribute.Name',
    'AttributeName.1',
    'MessageAttribute.1.Name',
    'MessageAttribute.1.Value.DataType',
    'MessageAttribute.1.Value.StringValue',
    'MessageAttribute.1.Value.BinaryValue',
    'SendMessageBatchRequestEntry.1.Id',
    'SendMessageBatchRequestEntry.1.MessageBody',
    'SendMessageBatchRequestEntry.1.DelaySeconds',
    'DeleteMessageBatchRequestEntry.1.Id',
    'MaxNumberOfMessages',
    'WaitTimeSeconds',
    'VisibilityTimeout',
    'ReceiptHandle',
    'SourceArn',
    'TaskHandle',
    'NextToken',
    'MaxResults',
    'Tag.1.Key',
    'Tag.1.Value',
    'TagKey.1',
    'Label',
    'AWSAccountId.1',
    'ActionName.1',
    'QueueNamePrefix',
  ),
  fc
    .array(fc.oneof(fc.constantFrom('1', '2', '999999999', 'Name', 'Value', 'Attribute', 'MessageAttribute'), text), {
      maxLength: 10,
    })
    .map((parts) => parts.join('.')),
)

test('no form and no URL', async () => {
  const sqs = await harness()
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ACTIONS),
      fc.array(fc.tuple(names, text), { maxLength: 12 }),
      fc.boolean(),
      fc.constantFrom(BASE, ...QUEUE_URLS, `${BASE}/%2e%2e/%00/`),
      async (action, parameters, get, url) => {
        const form = new URLSearchParams([['Action', action], ...parameters])
        const request = get ? new Request(`${url}?${form}`) : new Request(url, { method: 'POST', body: form })
        await answered(await sqs.fetch(request))
      },
    ),
    { numRuns: 800 },
  )
})
