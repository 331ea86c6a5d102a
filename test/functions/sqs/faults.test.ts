import { expect, test } from 'vitest'
import { toSqsError } from '../../../functions/sqs/errors.ts'
import { type ErrorCode, HoldfastError } from '../../../lib/model/errors.ts'
import { testEngine } from '../../support/test-engine.ts'
import { failureOf, sqsHarness } from './harness.ts'

const logged: unknown[] = []
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: (...entry: unknown[]) => logged.push(entry) }

/** An endpoint whose store fails in this way. */
const failing = (error: Error) => {
  const engine = testEngine()
  const fail = () => Promise.reject(error)
  return sqsHarness(
    { log },
    { ...engine, store: { ...engine.store, getDocument: fail, insert: fail, listDocuments: fail, headers: fail } },
  )
}

test.each([
  [
    new HoldfastError('Throttled', 'slow down'),
    403,
    'RequestThrottled',
    'RequestThrottled;Sender',
    'Request is throttled.',
  ],
  [
    new HoldfastError('StoreUnavailable', 'secret words'),
    503,
    'ServiceUnavailable',
    'ServiceUnavailable;Receiver',
    'The request has failed due to a temporary failure of the server.',
  ],
  [
    new TypeError('secret words'),
    500,
    'InternalFailure',
    'InternalFailure;Receiver',
    'The request processing has failed because of an unknown error.',
  ],
  [
    new HoldfastError('AccessDenied', 'secret words'),
    500,
    'InternalFailure',
    'InternalFailure;Receiver',
    'The request processing has failed because of an unknown error.',
  ],
])('a failing store is answered for without its words: %s', async (error, status, shape, code, message) => {
  logged.length = 0
  const sqs = failing(error)
  expect(failureOf(await sqs.json('ListQueues'))).toEqual({ status, shape, code, message })
  expect(logged).toHaveLength(status >= 500 ? 1 : 0)
  const { xml } = await sqs.query({ Action: 'ListQueues' })
  expect(xml).toContain(`<Type>${status >= 500 ? 'Receiver' : 'Sender'}</Type><Code>${shape}</Code>`)
})

test('an entry that the store failed is not its sender’s fault', async () => {
  const engine = testEngine()
  await sqsHarness({}, engine).queue('orders')
  const insert = () => Promise.reject(new HoldfastError('Throttled', 'slow down'))
  const sqs = sqsHarness({}, { ...engine, store: { ...engine.store, insert } })
  const QueueUrl = 'http://localhost:9324/000000000000/orders'
  const sent = await sqs.json('SendMessageBatch', { QueueUrl, Entries: [{ Id: 'a', MessageBody: 'x' }] })
  expect(sent.body).toEqual({
    Failed: [{ Id: 'a', SenderFault: false, Code: 'RequestThrottled', Message: 'Request is throttled.' }],
  })
})

const SHAPES: Readonly<Record<ErrorCode, string>> = {
  InvalidRequest: 'InvalidParameterValueException',
  QueueNotFound: 'QueueDoesNotExist',
  QueueExists: 'QueueNameExists',
  QueueDeletedRecently: 'QueueDeletedRecently',
  PurgeInProgress: 'PurgeQueueInProgress',
  MessageNotFound: 'InvalidParameterValueException',
  RedriveNotFound: 'ResourceNotFoundException',
  ReceiptHandleInvalid: 'ReceiptHandleIsInvalid',
  LeaseLost: 'MessageNotInflight',
  MessageTooLarge: 'InvalidParameterValueException',
  OperationInProgress: 'UnsupportedOperation',
  MessageFailed: 'InternalFailure',
  MessageGone: 'InternalFailure',
  ResultNotStored: 'InternalFailure',
  TimedOut: 'InternalFailure',
  TransactionCanceled: 'InternalFailure',
  OutcomeUnknown: 'InternalFailure',
  NotSupported: 'UnsupportedOperation',
  AccessDenied: 'InternalFailure',
  Throttled: 'RequestThrottled',
  StoreUnavailable: 'ServiceUnavailable',
  Internal: 'InternalFailure',
}
test.each(Object.entries(SHAPES) as [ErrorCode, string][])('the engine’s %s is %s', (code, shape) => {
  expect(toSqsError(new HoldfastError(code, 'words')).shape).toBe(shape)
})

test('a client that ends the connection in the middle of its request is no failure of the server', async () => {
  logged.length = 0
  const { fetch } = sqsHarness({ log })
  const cutOff = (headers: Readonly<Record<string, string>>): Request =>
    new Request('http://127.0.0.1/', {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.ListQueues', ...headers },
      body: new ReadableStream({ start: (body) => body.error(new Error('aborted')) }),
      duplex: 'half',
    } as RequestInit)
  for (const headers of [{ 'content-length': '100' }, {}]) {
    const answer = await fetch(cutOff(headers))
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain('#IncompleteBody')
  }
  expect(logged).toEqual([])
})
