import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { type Api, apiOn, SURFACES } from './surfaces.ts'

const arn = (name: string) => `arn:aws:sqs:us-east-1:000000000000:${name}`
const deadLetter = (queue: string) => ({ deadLetter: { queue, maxReceives: 1 } })

describe.each(SURFACES)('a queue named in a body, %s', (_name, surface) => {
  let api: Api
  const put = (name: string, body: object = {}) => api.send('PUT', `/queues/${name}`, body)
  const patch = (name: string, body: object) => api.send('PATCH', `/queues/${name}`, body)
  /** Sets the policy as an SQS client does. */
  const setPolicy = (name: string, policy: object | null) =>
    updateQueue(api.engine, name, { extras: { RedriveAllowPolicy: policy && JSON.stringify(policy) } })
  const deny = (withoutPolicy: 'allowAll' | 'denyAll') => vi.stubEnv('HOLDFAST_REDRIVE_WITHOUT_POLICY', withoutPolicy)

  beforeEach(() => {
    vi.stubEnv('AWS_REGION', 'us-east-1')
    api = apiOn(surface)
  })
  afterEach(() => vi.unstubAllEnvs())

  const REFUSED = {
    status: 403,
    body: { code: 'MoveRefused', field: 'deadLetter.queue', value: 'theirs', retryable: false },
  }

  describe('behind IAM, which sees the path alone', () => {
    beforeEach(async () => {
      deny('denyAll')
      await put('theirs')
      await put('failed', { redriveAllowPolicy: { permission: 'allowAll' } })
      await put('mine', deadLetter('failed'))
    })

    test('is not written to by those who have rights on another one', async () => {
      expect(await put('new', deadLetter('theirs'))).toMatchObject(REFUSED)
      expect((await api.send('GET', '/queues/new')).status).toBe(404)
      expect(await patch('mine', deadLetter('theirs'))).toMatchObject(REFUSED)
      expect((await api.send('GET', '/queues/mine')).body.deadLetter.queue).toBe('failed')
      const redrive = await api.send('POST', '/queues/failed/redrive', { destination: 'theirs' })
      expect(redrive).toMatchObject({ ...REFUSED, body: { ...REFUSED.body, field: 'destination' } })
      expect((await api.send('GET', '/queues/failed/redrive')).body.redrives).toEqual([])
    })

    test('is refused with what would let it', async () => {
      const { body } = await patch('mine', deadLetter('theirs'))
      expect(body.detail).toBe('queue theirs takes no messages of mine')
      expect(body.hint).toBe(
        'Someone with rights on theirs can let it: PATCH /queues/theirs with {"redriveAllowPolicy":{"permission":"byQueue","sourceQueues":["mine"]}}',
      )
      const [, change = '{}'] = / with (\{.*\})$/.exec(body.hint) ?? []
      expect((await patch('theirs', JSON.parse(change))).status).toBe(200)
      expect((await patch('mine', deadLetter('theirs'))).status).toBe(200)
    })

    test('takes messages where its own policy allows that, set through either protocol', async () => {
      await setPolicy('theirs', { redrivePermission: 'byQueue', sourceQueueArns: [arn('failed'), arn('other')] })
      expect(await patch('mine', deadLetter('theirs'))).toMatchObject(REFUSED)
      expect((await api.send('POST', '/queues/failed/redrive', { destination: 'theirs' })).status).toBe(202)
      await patch('theirs', { redriveAllowPolicy: { permission: 'allowAll' } })
      expect((await patch('mine', deadLetter('theirs'))).status).toBe(200)
    })

    test('needs no leave where it is the dead-letter queue already', async () => {
      await patch('failed', { redriveAllowPolicy: { permission: 'denyAll' } })
      expect((await patch('mine', { deadLetter: { queue: 'failed', maxReceives: 9 } })).status).toBe(200)
      expect((await put('mine', { deadLetter: { queue: 'failed', maxReceives: 9 } })).status).toBe(200)
      expect(await put('another', deadLetter('failed'))).toMatchObject({ status: 403 })
    })

    test('needs no leave of itself', async () => {
      expect((await patch('mine', deadLetter('mine'))).status).toBe(200)
    })

    test('gets back what failed in it without being named', async () => {
      await api.send('POST', '/queues/mine/messages', { messages: [{ body: 1 }] })
      expect((await api.send('POST', '/queues/failed/redrive', {})).status).toBe(202)
    })

    test('is not looked into through another one', async () => {
      const { body } = await api.send('POST', '/queues/failed/messages', { messages: [{ body: 'not of mine' }] })
      const path = `/queues/mine/messages/${body.messages[0].messageId}`
      expect((await api.send('GET', path)).body).toMatchObject({ status: 404, code: 'MessageNotFound' })
      expect((await api.send('PATCH', path, { delaySeconds: 9 })).status).toBe(404)
      expect((await api.send('DELETE', path)).status).toBe(404)
      expect((await api.send('GET', '/queues/failed')).body.counts).toMatchObject({ ready: 1 })
    })

    test('that does not exist is reported as such', async () => {
      expect(await patch('mine', deadLetter('none'))).toMatchObject({
        status: 400,
        body: { code: 'InvalidRequest', field: 'deadLetter.queue', value: 'none' },
      })
      expect(await api.send('POST', '/queues/failed/redrive', { destination: 'none' })).toMatchObject({ status: 404 })
    })
  })

  describe('where everyone may use every queue', () => {
    beforeEach(() => deny('allowAll'))

    test('is taken without a policy, and not against one', async () => {
      await put('theirs')
      expect((await put('mine', deadLetter('theirs'))).status).toBe(201)
      await patch('mine', { deadLetter: null })
      for (const policy of [
        { redrivePermission: 'denyAll' },
        { redrivePermission: 'byQueue', sourceQueueArns: [arn('other')] },
        { redrivePermission: 'byQueue', sourceQueueArns: ['arn:aws:sqs:eu-west-1:000000000000:mine'] },
        { redrivePermission: 'byQueue', sourceQueueArns: ['arn:aws:sqs:us-east-1:111122223333:mine'] },
      ]) {
        await setPolicy('theirs', policy)
        expect(await patch('mine', deadLetter('theirs')), JSON.stringify(policy)).toMatchObject(REFUSED)
      }
      await setPolicy('theirs', { redrivePermission: 'byQueue', sourceQueueArns: [arn('other'), arn('mine')] })
      expect((await patch('mine', deadLetter('theirs'))).status).toBe(200)
    })
  })

  test('is of the account and region of the deployment', async () => {
    vi.stubEnv('HOLDFAST_ACCOUNT', '111122223333')
    vi.stubEnv('AWS_REGION', 'eu-west-1')
    deny('denyAll')
    await put('theirs', { redriveAllowPolicy: { permission: 'byQueue', sourceQueues: ['mine'] } })
    expect((await put('mine', deadLetter('theirs'))).status).toBe(201)
    const { extras } = await api.engine.queues.fresh('theirs')
    expect(extras.RedriveAllowPolicy).toBe(
      '{"redrivePermission":"byQueue","sourceQueueArns":["arn:aws:sqs:eu-west-1:111122223333:mine"]}',
    )
  })
})

describe.each(SURFACES)('a redrive-allow policy over HTTP, %s', (_name, surface) => {
  test('is shown as it was set, through either protocol, and removed by null', async () => {
    vi.stubEnv('AWS_REGION', 'us-east-1')
    const api = apiOn(surface)
    const shown = async () => (await api.send('GET', '/queues/q')).body.redriveAllowPolicy
    await api.send('PUT', '/queues/q', {})
    expect(await shown()).toBeUndefined()
    for (const policy of [
      { permission: 'denyAll' },
      { permission: 'allowAll' },
      { permission: 'byQueue', sourceQueues: ['a', 'b.fifo'] },
    ]) {
      const changed = await api.send('PATCH', '/queues/q', { redriveAllowPolicy: policy })
      expect(changed).toMatchObject({ status: 200, body: { redriveAllowPolicy: policy } })
      expect(await shown()).toEqual(policy)
    }
    const foreign = 'arn:aws:sqs:eu-west-1:111122223333:a'
    const text = JSON.stringify({ redrivePermission: 'byQueue', sourceQueueArns: [foreign, arn('a')] })
    await updateQueue(api.engine, 'q', { extras: { RedriveAllowPolicy: text } })
    expect(await shown()).toEqual({ permission: 'byQueue', sourceQueues: [foreign, 'a'] })
    await api.send('PATCH', '/queues/q', { redriveAllowPolicy: null })
    expect(await shown()).toBeUndefined()
    vi.unstubAllEnvs()
  })

  test.each([
    [{ permission: 'some' }, 'redriveAllowPolicy.permission'],
    [{ permission: 'byQueue' }, 'redriveAllowPolicy.sourceQueues'],
    [{ permission: 'denyAll', sourceQueues: ['a'] }, 'redriveAllowPolicy.sourceQueues'],
    [{ permission: 'byQueue', sourceQueues: [] }, 'redriveAllowPolicy.sourceQueues'],
    [{ permission: 'byQueue', sourceQueues: ['a b'] }, 'redriveAllowPolicy.sourceQueues[0]'],
    [{ permission: 'byQueue', sourceQueues: Array(11).fill('a') }, 'redriveAllowPolicy.sourceQueues'],
  ])('is refused when it is %j', async (redriveAllowPolicy, field) => {
    const got = await apiOn(surface).send('PUT', '/queues/q', { redriveAllowPolicy })
    expect(got).toMatchObject({ status: 400, body: { code: 'InvalidRequest', field } })
  })
})

describe.each(SURFACES)('dead-letter queues over HTTP, %s', (_name, surface) => {
  let api: Api
  beforeEach(async () => {
    api = apiOn(surface)
    for (const name of ['dead', 'plain']) await api.send('PUT', `/queues/${name}`, {})
    await api.send('PUT', '/queues/orders', deadLetter('dead'))
  })

  test('that are in use are deleted by force only', async () => {
    expect(await api.send('DELETE', '/queues/dead')).toMatchObject({
      status: 409,
      body: {
        code: 'QueueInUse',
        value: 'dead',
        detail: 'queue dead is the dead-letter queue of orders',
        hint: expect.stringContaining('?force=true'),
        retryable: false,
      },
    })
    expect((await api.send('DELETE', '/queues/dead?force=false')).status).toBe(409)
    expect((await api.send('GET', '/queues/dead')).status).toBe(200)
    expect(await api.send('DELETE', '/queues/dead?force=yes')).toMatchObject({
      status: 400,
      body: { field: 'force', value: 'yes' },
    })
    expect((await api.send('DELETE', '/queues/dead?force=true')).status).toBe(204)
  })

  test('are deleted once nobody uses them, also when they name themselves', async () => {
    await api.send('PATCH', '/queues/orders', { deadLetter: null })
    expect((await api.send('DELETE', '/queues/dead')).status).toBe(204)
    await api.send('PATCH', '/queues/plain', deadLetter('plain'))
    expect((await api.send('DELETE', '/queues/plain')).status).toBe(204)
  })

  test('are looked for among all queues, however many there are', async () => {
    for (let index = 0; index < 101; index++) await api.send('PUT', `/queues/a${index}`, {})
    expect((await api.send('DELETE', '/queues/dead')).status).toBe(409)
    expect((await api.send('DELETE', '/queues/plain')).status).toBe(204)
  })

  test('are what can be redriven, and nothing else', async () => {
    expect(await api.send('POST', '/queues/plain/redrive', { destination: 'orders' })).toMatchObject({
      status: 409,
      body: { code: 'NoDeadLetterQueue', value: 'plain', hint: expect.stringContaining('"deadLetter"') },
    })
    expect(await api.send('POST', '/queues/none/redrive', {})).toMatchObject({ status: 404 })
    expect((await api.send('POST', '/queues/dead/redrive', {})).status).toBe(202)
  })
})

describe.each(SURFACES)('a list of queues over HTTP, %s', (_name, surface) => {
  test('includes counts where asked', async () => {
    const api = apiOn(surface)
    for (const name of ['a', 'b']) await api.send('PUT', `/queues/${name}`, {})
    await api.send('POST', '/queues/b/messages', { messages: [{ body: 1 }, { body: 2, delaySeconds: 9 }] })
    const { body } = await api.send('GET', '/queues?include=counts')
    expect(body.queues.map(({ name, counts }: { name: string; counts: object }) => [name, counts])).toEqual([
      ['a', { ready: 0, delayed: 0, leased: 0, exact: true }],
      ['b', { ready: 1, delayed: 1, leased: 0, exact: true, oldestReadyAt: '2030-01-01T00:00:00.000Z' }],
    ])
    expect((await api.send('GET', '/queues')).body.queues[1]).not.toHaveProperty('counts')
    expect(await api.send('GET', '/queues?include=counts&limit=101')).toMatchObject({
      status: 400,
      body: { field: 'limit', value: 101 },
    })
    expect((await api.send('GET', '/queues?limit=101')).status).toBe(200)
    expect(await api.send('GET', '/queues?include=all')).toMatchObject({ status: 400, body: { field: 'include' } })
  })
})
