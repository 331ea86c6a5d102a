import {
  EC2ThrottledException,
  LambdaClient,
  ResourceNotFoundException,
  ServiceException,
  TooManyRequestsException,
} from '@aws-sdk/client-lambda'
import { mockClient } from 'aws-sdk-client-mock'
import { describe, expect, test } from 'vitest'
import { lambdaFunction } from '../../../functions/triggers/lambda-function.ts'
import { checkedTrigger } from '../../../lib/triggers/trigger.ts'

const trigger = checkedTrigger({ queue: 'orders', functionName: 'handle-orders', functionTimeoutSeconds: 3 })

const outcomeOf = async (answer: object | Error) => {
  const mock = mockClient(LambdaClient)
  const sending = mock.onAnyCommand()
  if (answer instanceof Error) sending.rejects(answer)
  else sending.resolves(answer)
  const outcome = await lambdaFunction(new LambdaClient({ region: 'us-east-1' }))(
    trigger,
    Buffer.from('{"Records":[]}'),
  )
  return {
    outcome,
    input: mock.commandCalls(mock.calls()[0]?.args[0].constructor as never)[0]?.args[0].input,
    calls: mock.calls().length,
  }
}

const fault = { $metadata: {}, message: 'because' }
const withStatus = <E extends Error>(error: E, httpStatusCode: number): E =>
  Object.assign(error, { $metadata: { httpStatusCode } })

describe('what an invocation comes to', () => {
  test('its answer', async () => {
    const { outcome, input } = await outcomeOf({ Payload: Buffer.from('{"batchItemFailures":[]}') })
    expect(outcome).toEqual({ kind: 'answered', payload: '{"batchItemFailures":[]}' })
    expect(input).toMatchObject({ FunctionName: 'handle-orders', InvocationType: 'RequestResponse' })
  })

  test('a function error', async () => {
    const Payload = Buffer.from('{"errorType":"Error","errorMessage":"no"}')
    expect((await outcomeOf({ FunctionError: 'Unhandled', Payload })).outcome).toEqual({
      kind: 'failed',
      error: 'Error: no',
    })
  })

  test.each([
    ['a throttle', new TooManyRequestsException({ ...fault }), 'throttled'],
    ['a throttle of its network', withStatus(new EC2ThrottledException({ ...fault }), 502), 'throttled'],
    ['a function that is not there', withStatus(new ResourceNotFoundException({ ...fault }), 404), 'refused'],
    ['a missing right', withStatus(Object.assign(new Error('no'), { name: 'AccessDeniedException' }), 403), 'refused'],
    ['a refused connection', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 'refused'],
  ])('%s proves that it did not run', async (_, error, reason) => {
    const { outcome, calls } = await outcomeOf(error)
    expect(outcome).toMatchObject({ kind: 'not-run', reason })
    expect(calls).toBe(1)
  })

  test.each([
    ['a fault of Lambda', withStatus(new ServiceException({ ...fault }), 500)],
    ['a connection that broke', Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })],
    ['a gateway that gave up', withStatus(Object.assign(new Error('gateway'), { name: 'BadGateway' }), 502)],
    ['a timeout', Object.assign(new Error('too long'), { name: 'TimeoutError' })],
  ])('%s leaves open whether it ran', async (_, error) => {
    expect((await outcomeOf(error)).outcome).toMatchObject({ kind: 'unknown' })
  })
})
