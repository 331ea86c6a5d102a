import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import type { APIGatewayProxyEventV2, Context } from 'aws-lambda'
import { mockClient } from 'aws-sdk-client-mock'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { handler } from '../../../functions/redrive.ts'
import { useEngine } from '../../../functions/runtime/compose.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { getRedrive, startRedrive } from '../../../lib/redrive/redrive.ts'
import { type TestEngine, testEngine } from '../../support/test-engine.ts'

const context = { awsRequestId: 'r', getRemainingTimeInMillis: () => 900_000 } as Context
const start = (queue: string) =>
  handler(
    {
      rawPath: `/queues/${queue}/redrive`,
      rawQueryString: '',
      headers: { 'content-type': 'application/json' },
      requestContext: { http: { method: 'POST' }, requestId: 'r', domainName: 'api' },
      body: '{"destination":"elsewhere"}',
      isBase64Encoded: false,
    } as unknown as APIGatewayProxyEventV2,
    context,
  )

describe('the redrive function', () => {
  const lambda = mockClient(LambdaClient)
  let engine: TestEngine

  beforeEach(async () => {
    engine = testEngine()
    useEngine(engine)
    for (const queue of ['dead', 'dead-too', 'elsewhere']) await createQueue(engine, queue)
    for (const queue of ['dead', 'dead-too']) {
      await createQueue(engine, `of-${queue}`, { settings: { deadLetter: { queue, maxReceives: 1 } } })
    }
    for (const body of [1, 2, 3]) await publish(engine, 'dead', [{ body }])
    vi.stubEnv('HOLDFAST_REDRIVE_FUNCTION', 'holdfast-redrive-run')
    vi.stubEnv('HOLDFAST_REDRIVE_WITHOUT_POLICY', 'allowAll')
    lambda.reset()
    lambda.on(InvokeCommand).resolves({})
  })
  afterEach(() => {
    useEngine(undefined)
    vi.unstubAllEnvs()
  })

  test('wakes the one that moves the messages when a redrive is started', async () => {
    const answer = await start('dead')
    expect(answer).toMatchObject({ statusCode: 202 })
    const { taskId } = JSON.parse((answer as { body: string }).body)
    const [invocation] = lambda.commandCalls(InvokeCommand)
    const { Payload, ...input } = invocation?.args[0].input ?? {}
    expect(input).toEqual({ FunctionName: 'holdfast-redrive-run', InvocationType: 'Event' })
    expect(JSON.parse(Buffer.from(Payload as Uint8Array).toString())).toEqual({
      holdfast: 'run-redrive',
      queue: 'dead',
      taskId,
    })
  })

  test('answers that it was started even when nobody could be woken: the schedule will', async () => {
    lambda.on(InvokeCommand).rejects(new Error('throttled'))
    expect(await start('dead')).toMatchObject({ statusCode: 202 })
  })

  test('moves the messages at the event for it', async () => {
    const { taskId } = await startRedrive(engine, 'dead', { destination: 'elsewhere' })
    await handler({ holdfast: 'run-redrive', queue: 'dead', taskId }, context)
    expect(await getRedrive(engine, 'dead', taskId)).toMatchObject({ state: 'completed', moved: 3 })
  })

  test('goes on with everything under way by schedule, and is not stopped by one that fails', async () => {
    const { taskId } = await startRedrive(engine, 'dead', { destination: 'elsewhere' })
    const other = await startRedrive(engine, 'dead-too', {})
    await handler({ holdfast: 'run-redrive', queue: 'dead', taskId: 'unknown' }, context)
    await handler({ holdfast: 'continue-redrives' }, context)
    expect(await getRedrive(engine, 'dead', taskId)).toMatchObject({ state: 'completed', moved: 3 })
    expect(await getRedrive(engine, 'dead-too', other.taskId)).toMatchObject({ state: 'completed', moved: 0 })
  })
})
