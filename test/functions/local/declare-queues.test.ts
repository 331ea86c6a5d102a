import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { declaredText, declareQueues } from '../../../functions/local/declare-queues.ts'
import { parseQueueFile } from '../../../functions/local/queue-file.ts'
import { DEFAULT_SETTINGS } from '../../../lib/model/queue-settings.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { getQueue } from '../../../lib/queues/get-queue.ts'
import { listQueueNames } from '../../../lib/queues/list-queues.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { testEngine } from '../../support/test-engine.ts'
import { call, failedStart, startServerProcess, until } from './server-process.ts'

const declare = (engine: ReturnType<typeof testEngine>, queues: object, triggers: object = {}) =>
  declareQueues(engine, parseQueueFile(JSON.stringify({ queues, triggers }), 'holdfast.json'))

describe('queues that a file declares', () => {
  test('are created, dead-letter queues of each other included', async () => {
    const engine = testEngine()
    const queues = {
      orders: { visibilityTimeoutSeconds: 60, deadLetter: { queue: 'failed', maxReceives: 3 }, tags: { team: 'a' } },
      failed: { deadLetter: { queue: 'orders', maxReceives: 100 } },
      'payments.fifo': { fifo: { contentBasedDeduplication: true } },
    }
    expect(await declare(engine, queues)).toEqual({
      created: ['orders', 'failed', 'payments.fifo'],
      changed: [],
      unchanged: [],
    })
    expect(await getQueue(engine, 'orders')).toMatchObject({
      settings: {
        ...DEFAULT_SETTINGS,
        visibilityTimeoutSeconds: 60,
        deadLetter: { queue: 'failed', maxReceives: 3 },
      },
      tags: { team: 'a' },
    })
    expect((await getQueue(engine, 'failed')).settings.deadLetter).toEqual({ queue: 'orders', maxReceives: 100 })
    expect((await getQueue(engine, 'payments.fifo')).settings.fifo).toMatchObject({ contentBasedDeduplication: true })
  })

  test('are left alone where they are as declared, and not written', async () => {
    const engine = testEngine()
    const queues = {
      orders: { shards: 2, retryPolicy: { initialSeconds: 1 }, tags: { team: 'a' } },
      'jobs.fifo': {},
      open: { redriveAllowPolicy: { permission: 'byQueue', sourceQueues: ['orders'] } },
    }
    await declare(engine, queues)
    const before = await Promise.all(Object.keys(queues).map((name) => getQueue(engine, name)))
    await engine.clock.advance(1_000)
    expect(await declare(engine, queues)).toEqual({
      created: [],
      changed: [],
      unchanged: ['orders', 'jobs.fifo', 'open'],
    })
    expect(await Promise.all(Object.keys(queues).map((name) => getQueue(engine, name)))).toEqual(before)
  })

  test('are changed to what is declared: what the file leaves out has its default again, but for tags', async () => {
    const engine = testEngine()
    await createQueue(engine, 'failed')
    await createQueue(engine, 'orders', {
      settings: {
        delaySeconds: 5,
        deadLetter: { queue: 'failed', maxReceives: 3 },
        maxInFlightPerGroup: 2,
        results: { retentionSeconds: 60 },
      },
      tags: { team: 'a' },
      extras: { RedriveAllowPolicy: '{"redrivePermission":"denyAll"}' },
    })
    expect(await declare(engine, { orders: { retentionSeconds: 60 } })).toEqual({
      created: [],
      changed: ['orders'],
      unchanged: [],
    })
    expect(await getQueue(engine, 'orders')).toMatchObject({ tags: { team: 'a' }, extras: {} })
    expect((await getQueue(engine, 'orders')).settings).toEqual({ ...DEFAULT_SETTINGS, retentionSeconds: 60 })
  })

  test('have exactly the tags that the file names, where it names some', async () => {
    const engine = testEngine()
    await createQueue(engine, 'orders', { tags: { team: 'a', old: 'x' } })
    expect((await declare(engine, { orders: { tags: { team: 'b' } } })).changed).toEqual(['orders'])
    expect((await getQueue(engine, 'orders')).tags).toEqual({ team: 'b' })
  })

  test('keep shards that were raised, where the file lacks the setting', async () => {
    const engine = testEngine()
    await createQueue(engine, 'orders')
    await updateQueue(engine, 'orders', { settings: { shards: 4 } })
    expect((await declare(engine, { orders: {} })).unchanged).toEqual(['orders'])
    expect((await declare(engine, { orders: { shards: 2 } })).changed).toEqual(['orders'])
    expect((await getQueue(engine, 'orders')).settings.shards).toBe(2)
  })

  test('stay paused where the file lacks the setting, and are resumed where it has false', async () => {
    const engine = testEngine()
    await createQueue(engine, 'orders', { settings: { paused: true } })
    expect((await declare(engine, { orders: {} })).unchanged).toEqual(['orders'])
    expect((await declare(engine, { orders: { delaySeconds: 1 } })).changed).toEqual(['orders'])
    expect((await getQueue(engine, 'orders')).settings.paused).toBe(true)
    expect((await declare(engine, { orders: { delaySeconds: 1, paused: false } })).changed).toEqual(['orders'])
    expect((await getQueue(engine, 'orders')).settings.paused).toBeUndefined()
  })

  test('are all refused over a trigger of a queue that there is not', async () => {
    const engine = testEngine()
    const handler = './ship.mjs'
    const refusal = (triggers: object) =>
      declare(engine, { orders: {} }, triggers).then(
        () => 'accepted',
        (error: Error) => error.message,
      )
    expect(await refusal({ ordres: { handler } })).toBe(
      'triggers.ordres names the queue "ordres", which the file does not declare and which does not exist: did you mean orders?',
    )
    expect(await refusal({ orders: { handler, filter: { body: ['a'] }, unmatched: { queue: 'others' } } })).toContain(
      'triggers.orders.unmatched.queue names the queue "others"',
    )
    expect((await listQueueNames(engine)).names).toEqual([])
    await createQueue(engine, 'others')
    expect(await refusal({ orders: { handler, filter: { body: ['a'] }, unmatched: { queue: 'others' } } })).toBe(
      'accepted',
    )
  })

  test('are the only ones that are touched: none is deleted', async () => {
    const engine = testEngine()
    await createQueue(engine, 'other', { settings: { delaySeconds: 5 } })
    await declare(engine, { orders: {} })
    await declare(engine, {})
    expect((await listQueueNames(engine)).names.toSorted()).toEqual(['orders', 'other'])
    expect((await getQueue(engine, 'other')).settings.delaySeconds).toBe(5)
  })

  test('are all refused over a dead-letter queue that there is not', async () => {
    const engine = testEngine()
    const queues = { jobs: {}, orders: { deadLetter: { queue: 'orders-faild', maxReceives: 3 } }, 'orders-failed': {} }
    await expect(declare(engine, queues)).rejects.toThrow(
      'queues.orders.deadLetter.queue names the queue "orders-faild", which the file does not declare and which does not exist: did you mean orders-failed?',
    )
    expect((await listQueueNames(engine)).names).toEqual([])
    await createQueue(engine, 'orders-faild')
    expect((await declare(engine, queues)).created).toEqual(['jobs', 'orders', 'orders-failed'])
  })

  test('have their place in the file before the error of a refused queue', async () => {
    const engine = testEngine()
    await createQueue(engine, 'a.fifo', { settings: { fifo: {} as never, shards: 2 } })
    await expect(declare(engine, { 'a.fifo': { shards: 3 } })).rejects.toThrow(
      'queues["a.fifo"].shards must stay 2, as a FIFO queue keeps the shards that it was created with, but is 3',
    )
  })

  test('are printed in one line', () => {
    const declared = { created: ['a', 'b'], changed: ['c'], unchanged: ['d'] }
    expect(declaredText('q.json', declared)).toBe('Queues of q.json: created a, b; changed c; left 1 as it is.')
    expect(declaredText('q.json', { created: [], changed: [], unchanged: [] })).toBe(
      'Queues of q.json: it declares none.',
    )
  })
})

describe('a server with --queues', () => {
  const written = async (queues: unknown): Promise<string> => {
    const file = join(await temporaryDirectory(), 'holdfast.json')
    writeFileSync(file, JSON.stringify({ queues }))
    return file
  }

  test('has the queues of the file before it listens, and changes them at its next start', async () => {
    const data = await temporaryDirectory()
    const first = await startServerProcess({
      args: ['--data', data, '--queues', await written({ orders: { delaySeconds: 5 }, jobs: {} })],
    })
    expect(first.output()).toContain('created orders, jobs.')
    expect(await call(first, 'GET', '/queues/orders')).toMatchObject({ delaySeconds: 5 })
    await first.end('SIGTERM')
    const second = await startServerProcess({ args: ['--data', data, '--queues', await written({ orders: {} })] })
    expect(second.output()).toContain('changed orders.')
    expect(await call(second, 'GET', '/queues/orders')).toMatchObject({ delaySeconds: 0 })
    expect(await call(second, 'GET', '/queues/jobs')).toMatchObject({ name: 'jobs' })
  })

  test('delivers to the handlers that the file names, from any directory', async () => {
    const directory = await temporaryDirectory()
    const file = join(directory, 'holdfast.json')
    writeFileSync(
      join(directory, 'ship.ts'),
      `export const handler = async ({ Records }: { Records: readonly { body: string }[] }): Promise<void> => {
        console.log('ships', Records.map(({ body }) => body).join('+'))
      }`,
    )
    const triggers = { orders: { handler: './ship.ts', filter: { body: ['a', 'b'] }, unmatched: 'delete' } }
    writeFileSync(file, JSON.stringify({ queues: { orders: {} }, triggers }))
    const server = await startServerProcess({ args: ['--memory', '--queues', file] })
    const messages = ['a', 'c', 'b'].map((body) => ({ body }))
    await call(server, 'POST', '/queues/orders/messages', { messages })
    await until('the handler has shipped', () => server.output().includes('[orders] ships a+b'))
    await until('the queue is empty', async () => {
      const { counts } = await call(server, 'GET', '/queues/orders')
      return counts.ready + counts.leased === 0
    })
    const again = ['--memory', '--queues', file, '--trigger', 'orders=./other.mjs']
    expect(await failedStart({ args: again })).toMatchObject({
      code: 2,
      output: expect.stringContaining(
        `--trigger orders=./other.mjs: queue orders has a trigger already, by --queues ${file}: triggers.orders`,
      ),
    })
  })

  test('does not start with a file that is wrong, and says where', async () => {
    const args = async (queues: unknown) => ['--memory', '--queues', await written(queues)]
    const unknown = await failedStart({ args: await args({ orders: { shard: 2 } }) })
    expect(unknown).toMatchObject({
      code: 2,
      output: expect.stringContaining('queues.orders.shard (2) is not a known field'),
    })
    const missing = await failedStart({
      args: await args({ orders: { deadLetter: { queue: 'dead', maxReceives: 1 } } }),
    })
    expect(missing).toMatchObject({ code: 2, output: expect.stringContaining('queues.orders.deadLetter.queue names') })
  })
})
