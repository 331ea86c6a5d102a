import { afterAll, describe, expect, test } from 'vitest'
import { cancelMessage } from '../../../lib/messages/cancel-message.ts'
import { rescheduleMessage } from '../../../lib/messages/reschedule-message.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../../lib/queues/delete-queue.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { getRedrive, runRedrive, startRedrive } from '../../../lib/redrive/redrive.ts'
import { previewUndo, undoRedrive } from '../../../lib/redrive/undo.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { dynamodbStore } from '../../../lib/store/dynamodb/dynamodb-store.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'
import { type EmbeddedTable, embeddedTable, noEmbedded } from '../../support/embedded.ts'
import { type Fate, faultyStore } from '../../support/faulty-store.ts'
import { type ManualClock, manualClock } from '../../support/manual-clock.ts'
import { anotherProcess, testEngine } from '../../support/test-engine.ts'
import { interrupted, type UndoWorld, undoWorld } from '../../support/undo-world.ts'

const tables: EmbeddedTable[] = []
afterAll(() => {
  for (const table of tables) table.close()
})
const inMemory = async (clock: ManualClock): Promise<Store> => memoryStore({ clock })
const onDynamodb = async (clock: ManualClock): Promise<Store> => {
  const table = await embeddedTable()
  tables.push(table)
  return dynamodbStore({ ...table, clock })
}
const stores = [['in memory', inMemory] as const, ...(noEmbedded() ? [] : [['on DynamoDB', onDynamodb] as const])]

type Happening = (world: UndoWorld, ids: readonly string[]) => Promise<unknown>
interface Expected {
  /** Bodies in the queue and in the dead-letter queue afterwards. */
  readonly queue: readonly string[]
  readonly dead: readonly string[]
  readonly counts: object
}

const pollAll: Happening = ({ engine, queue }) => poll(anotherProcess(engine), queue, { maxMessages: 10 })
const ackAll: Happening = async ({ engine, queue }) => {
  const messages = await poll(anotherProcess(engine), queue, { maxMessages: 10 })
  await ack(
    engine,
    queue,
    messages.map(({ receiptHandle }) => receiptHandle),
  )
}

const happenings: readonly (readonly [string, Happening, Expected])[] = [
  ['a poll', pollAll, { queue: ['a', 'b'], dead: [], counts: { moved: 0, received: 2, gone: 0 } }],
  ['a poll and an ack', ackAll, { queue: [], dead: [], counts: { moved: 0, received: 0, gone: 2 } }],
  [
    'a cancellation of one',
    ({ engine, queue }, [id = '']) => cancelMessage(anotherProcess(engine), queue, id),
    { queue: [], dead: ['b'], counts: { moved: 1, gone: 1 } },
  ],
  [
    'a reschedule of one',
    ({ engine, queue }, [id = '']) => rescheduleMessage(anotherProcess(engine), queue, id, { delaySeconds: 900 }),
    { queue: ['a'], dead: ['b'], counts: { moved: 1, gone: 1 } },
  ],
  [
    'a purge of the queue',
    async ({ engine, queue }) => {
      await engine.clock.advance(1)
      await purgeQueue(anotherProcess(engine), queue)
    },
    { queue: [], dead: [], counts: { moved: 0, gone: 2 } },
  ],
  [
    'a purge of the dead-letter queue',
    async ({ engine, dead }) => {
      await engine.clock.advance(1)
      await purgeQueue(anotherProcess(engine), dead)
    },
    { queue: [], dead: ['a', 'b'], counts: { moved: 2, gone: 0 } },
  ],
  [
    'a change of both queues',
    async ({ engine, queue, dead }) => {
      for (const name of [queue, dead]) await updateQueue(anotherProcess(engine), name, { settings: { shards: 2 } })
    },
    { queue: [], dead: ['a', 'b'], counts: { moved: 2, gone: 0 } },
  ],
  [
    'the same undo in another process',
    async ({ engine, dead }) => {
      const { undoneBy = '' } = await getRedrive(engine, dead, latest)
      // The first runner stood still for longer than its lease.
      await engine.clock.advance(61_000)
      await runRedrive(anotherProcess(engine, 7), dead, undoneBy)
    },
    { queue: [], dead: ['a', 'b'], counts: { moved: 2, state: 'completed' } },
  ],
]
let latest = ''

describe.each(stores)('when an undo is about to move messages, %s,', (_, store) => {
  const redriven = async () => {
    const clock = manualClock()
    const world = await undoWorld({ engine: testEngine({ clock, store: await store(clock) }) })
    const ids = await world.fail(['a', 'b'])
    const { taskId } = await world.redrive()
    latest = taskId
    await clock.advance(1_000)
    const undo = await undoRedrive(world.engine, world.dead, taskId)
    return { ...world, ids, taskId, undoId: undo.taskId }
  }
  const runWith = async (world: Awaited<ReturnType<typeof redriven>>, happening: Happening) => {
    const { engine, dead, ids, undoId } = world
    const { store: watched, happened } = interrupted(engine.store, () => happening(world, ids))
    const other = testEngine({ clock: engine.clock, store: watched, seed: 5 })
    const ended = await runRedrive(other, dead, undoId)
    expect(happened()).toBe(true)
    return ended
  }

  test.each(happenings)('%s loses and doubles nothing', async (_name, happening, { queue, dead, counts }) => {
    const world = await redriven()
    expect(await runWith(world, happening)).toMatchObject({ state: 'completed', ...counts })
    expect((await world.held(world.queue)).sort()).toEqual(queue)
    expect((await world.held(world.dead)).sort()).toEqual(dead)
  })

  test('a deletion of the queue deletes them', async () => {
    const world = await redriven()
    const { engine, queue } = world
    const ended = await runWith(world, () => deleteQueue(anotherProcess(engine), queue))
    expect(ended).toMatchObject({ state: 'completed', moved: 0, gone: 2 })
    expect(await world.held(world.dead)).toEqual([])
  })

  test('a queue that was deleted and created anew gives back nothing', async () => {
    const world = await redriven()
    const { engine, queue, dead, taskId } = world
    await runWith(world, async () => {
      await deleteQueue(anotherProcess(engine), queue)
      await engine.clock.advance(1)
      await createQueue(anotherProcess(engine), queue)
    })
    expect(await world.held(dead)).toEqual([])
    expect(await previewUndo(engine, dead, taskId)).toMatchObject({ returning: 0, complete: true })
  })

  test('a deletion of the dead-letter queue leaves them in their queue', async () => {
    const world = await redriven()
    const { engine, queue, dead } = world
    const ended = await runWith(world, () => deleteQueue(anotherProcess(engine), dead))
    expect(ended).toMatchObject({ state: 'failed', failureCode: 'QueueNotFound', moved: 0 })
    expect((await world.held(queue)).sort()).toEqual(['a', 'b'])
  })

  test.each<Fate>(['refused', 'unreachable', 'unanswered', 'repeated', 'crashed-before', 'crashed-after'])(
    'a move that is %s is made once, by the next runner at the latest',
    async (fate) => {
      const world = await redriven()
      const { engine, dead, undoId } = world
      let met = false
      const broken = faultyStore(engine.store, {
        fateOf: ({ operation, input }) => {
          const moving = operation === 'transact' && input.some(({ kind }) => kind === 'insert')
          if (!moving || met) return 'done'
          met = true
          return fate
        },
      })
      const first = runRedrive(testEngine({ clock: engine.clock, store: broken, seed: 5 }), dead, undoId)
      const settled = first.catch(() => {})
      if (!fate.startsWith('crashed')) await settled
      else while (!met) await new Promise((resolve) => setTimeout(resolve, 5))
      await new Promise((resolve) => setTimeout(resolve, 5))
      await engine.clock.advance(61_000)
      expect(await runRedrive(anotherProcess(engine, 7), dead, undoId)).toMatchObject({ state: 'completed' })
      expect((await world.held(dead)).sort()).toEqual(['a', 'b'])
      expect(await world.held(world.queue)).toEqual([])
    },
  )
})

test('a redrive records a queue before it moves messages there, so that a crash hides none from an undo', async () => {
  const { engine, dead, fail, undo, held } = await undoWorld()
  await createQueue(engine, 'payments', { settings: { deadLetter: { queue: dead, maxReceives: 5 } } })
  await fail(['a'])
  await fail(['p'], { queue: 'payments' })
  await engine.clock.advance(1_000)
  const { taskId } = await startRedrive(engine, dead)
  let moves = 0
  const broken = faultyStore(engine.store, {
    fateOf: ({ operation, input }) =>
      operation === 'transact' && input.some(({ kind }) => kind === 'insert') && ++moves === 2
        ? 'crashed-after'
        : 'done',
  })
  void runRedrive(testEngine({ clock: engine.clock, store: broken, seed: 5 }), dead, taskId)
  while (moves < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  await engine.clock.advance(61_000)
  expect(await runRedrive(engine, dead, taskId)).toMatchObject({ state: 'completed', moved: 1 })
  expect(await undo(taskId)).toMatchObject({ moved: 2, gone: 0 })
  expect((await held(dead)).sort()).toEqual(['a', 'p'])
})

test('two undos of one queue do not run at once, and the second finds what the first left', async () => {
  const world = await undoWorld()
  const { engine, dead, fail, redrive } = world
  await fail(['a', 'b'])
  const { taskId } = await redrive()
  const outcomes = await Promise.allSettled(
    [1, 2].map((seed) => undoRedrive(anotherProcess(engine, seed), dead, taskId)),
  )
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  const { undoneBy = '' } = await getRedrive(engine, dead, taskId)
  expect(await runRedrive(engine, dead, undoneBy)).toMatchObject({ moved: 2 })
  expect(await world.undo(taskId)).toMatchObject({ toMove: 0, moved: 0, gone: 0 })
})
