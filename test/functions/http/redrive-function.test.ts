import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { APIGatewayProxyEventV2, Context } from 'aws-lambda'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
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
  const invocations: { path: string; type: unknown; payload: unknown }[] = []
  let status = 202
  const lambda = createServer(async (request, response) => {
    const pieces = await request.toArray()
    invocations.push({
      path: request.url ?? '',
      type: request.headers['x-amz-invocation-type'],
      payload: JSON.parse(Buffer.concat(pieces).toString()),
    })
    response.writeHead(status).end()
  })
  let engine: TestEngine

  beforeAll(() => new Promise<void>((resolve) => void lambda.listen(0, '127.0.0.1', resolve)))
  afterAll(() => {
    lambda.close()
    lambda.closeAllConnections()
  })

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
    vi.stubEnv('AWS_ENDPOINT_URL_LAMBDA', `http://127.0.0.1:${(lambda.address() as AddressInfo).port}`)
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'of-the-role')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
    invocations.splice(0)
    status = 202
  })
  afterEach(() => {
    useEngine(undefined)
    vi.unstubAllEnvs()
  })

  test('wakes the one that moves the messages when a redrive is started', async () => {
    const answer = await start('dead')
    expect(answer).toMatchObject({ statusCode: 202 })
    const { taskId } = JSON.parse((answer as { body: string }).body)
    expect(invocations).toEqual([
      {
        path: '/2015-03-31/functions/holdfast-redrive-run/invocations',
        type: 'Event',
        payload: { holdfast: 'run-redrive', queue: 'dead', taskId },
      },
    ])
  })

  test('answers that it was started even when nobody could be woken: the schedule will', async () => {
    status = 429
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
