import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { runRedrive } from '../../../lib/redrive/redrive.ts'
import { type Api, apiOn, SURFACES } from './surfaces.ts'

describe.each(SURFACES)('the undo of a redrive, %s', (_name, surface) => {
  let api: Api
  const redrive = async (body: object = {}) => {
    const { body: task } = await api.send('POST', '/queues/dead/redrive', body)
    await runRedrive(api.engine, 'dead', task.taskId)
    return { taskId: task.taskId, path: `/queues/dead/redrive/${task.taskId}/undo` }
  }
  beforeEach(async () => {
    vi.stubEnv('AWS_REGION', 'us-east-1')
    vi.stubEnv('HOLDFAST_REDRIVE_WITHOUT_POLICY', 'allowAll')
    api = apiOn(surface)
    await api.send('PUT', '/queues/dead', {})
    await api.send('PUT', '/queues/orders', { deadLetter: { queue: 'dead', maxReceives: 1 } })
    for (const body of ['a', 'b', 'c']) {
      await api.send('POST', '/queues/orders/messages', { messages: [{ body }] })
      const [{ receiptHandle }] = (await api.send('POST', '/queues/orders/poll', {})).body.messages
      await api.send('POST', '/queues/orders/nack', { receiptHandles: [receiptHandle], deadLetter: true, error: body })
    }
  })
  afterEach(() => vi.unstubAllEnvs())

  test('is counted, made, and told in numbers', async () => {
    const { taskId, path } = await redrive()
    await api.send('POST', '/queues/orders/poll', { maxMessages: 1 })
    const numbers = { received: 1, behind: 0, gone: 0 }
    expect(await api.send('GET', path)).toMatchObject({
      status: 200,
      body: { taskId, returning: 2, ...numbers, complete: true, queues: ['orders'] },
    })
    await api.clock.advance(1)
    const started = await api.send('POST', path, { maxPerSecond: 500 })
    expect(started).toMatchObject({
      status: 202,
      body: { undoes: taskId, source: 'dead', state: 'running', toMove: 3, maxPerSecond: 500 },
    })
    expect((await api.send('POST', '/queues/dead/redrive', {})).body).toMatchObject({ code: 'OperationInProgress' })
    const undo = runRedrive(api.engine, 'dead', started.body.taskId)
    await api.clock.advance(5_000)
    await undo
    const { body } = await api.send('GET', '/queues/dead/redrive')
    expect(body.redrives).toMatchObject([
      { taskId: started.body.taskId, state: 'completed', moved: 2, ...numbers },
      { taskId, state: 'completed', moved: 3, undoneBy: started.body.taskId },
    ])
    expect(Object.keys(body.redrives[0]).sort()).toEqual(
      [
        'behind',
        'gone',
        'maxPerSecond',
        'moved',
        'received',
        'source',
        'startedAt',
        'state',
        'taskId',
        'toMove',
        'undoes',
      ].sort(),
    )
    const { messages } = (await api.send('GET', '/queues/dead/messages')).body
    expect(messages.map((one: { deadLetter: { reason: string } }) => one.deadLetter.reason)).toHaveLength(2)
  })

  test('needs a redrive that is over, and a rate', async () => {
    const { body } = await api.send('POST', '/queues/dead/redrive', {})
    const path = `/queues/dead/redrive/${body.taskId}/undo`
    expect((await api.send('POST', path, {})).body).toMatchObject({ status: 409, code: 'OperationInProgress' })
    expect((await api.send('GET', path)).body).toMatchObject({ status: 409, code: 'OperationInProgress' })
    expect((await api.send('POST', path, { maxPerSecond: 0 })).body).toMatchObject({
      status: 400,
      field: 'maxPerSecond',
    })
    expect((await api.send('POST', '/queues/dead/redrive/none/undo', {})).body).toMatchObject({
      code: 'RedriveNotFound',
    })
  })

  test('needs what the redrive to another queue needed, and the same for the way back', async () => {
    vi.stubEnv('HOLDFAST_REDRIVE_WITHOUT_POLICY', 'denyAll')
    const allow = (queue: string, sourceQueues: string[]) =>
      api.send('PATCH', `/queues/${queue}`, { redriveAllowPolicy: { permission: 'byQueue', sourceQueues } })
    await api.send('PUT', '/queues/retry', {})
    await allow('retry', ['dead'])
    const { path } = await redrive({ destination: 'retry' })
    const refused = (value: string) => ({ status: 403, body: { code: 'MoveRefused', field: 'taskId', value } })
    expect(await api.send('POST', path, {})).toMatchObject(refused('dead'))
    expect(await api.send('GET', path)).toMatchObject(refused('dead'))
    await allow('dead', ['orders', 'retry'])
    expect(await api.send('GET', path)).toMatchObject({ status: 200, body: { returning: 3 } })
    await allow('retry', ['another'])
    expect(await api.send('POST', path, {})).toMatchObject(refused('retry'))
    await allow('retry', ['dead'])
    expect((await api.send('POST', path, {})).status).toBe(202)
  })

  test('needs no leave where messages went back to where they failed', async () => {
    vi.stubEnv('HOLDFAST_REDRIVE_WITHOUT_POLICY', 'denyAll')
    const { path } = await redrive()
    expect((await api.send('POST', path, {})).status).toBe(202)
  })
})
