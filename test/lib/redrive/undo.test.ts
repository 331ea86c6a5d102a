import { describe, expect, test } from 'vitest'
import { cancelMessage } from '../../../lib/messages/cancel-message.ts'
import { getMessage } from '../../../lib/messages/get-message.ts'
import { rescheduleMessage } from '../../../lib/messages/reschedule-message.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { cancelRedrive, getRedrive, listRedrives, runRedrive, startRedrive } from '../../../lib/redrive/redrive.ts'
import { previewUndo, undoRedrive } from '../../../lib/redrive/undo.ts'
import { messageStatus } from '../../../lib/results/await-result.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { redriveKey } from '../../../lib/store/keys.ts'
import { anotherProcess, type TestEngine } from '../../support/test-engine.ts'
import { undoWorld } from '../../support/undo-world.ts'

const take = (engine: TestEngine, queue: string, maxMessages = 10) => poll(engine, queue, { maxMessages })
const handles = (messages: readonly { receiptHandle: string }[]) => messages.map(({ receiptHandle }) => receiptHandle)

test('a message goes back as it was in the dead-letter queue', async () => {
  const { engine, dead, queue, fail, redrive, undo, held } = await undoWorld()
  const [id = ''] = await fail(['a'])
  const before = await getMessage(engine, dead, id)
  const { taskId } = await redrive()
  expect(await held(queue)).toEqual(['a'])
  expect(await undo(taskId)).toMatchObject({
    undoes: taskId,
    state: 'completed',
    moved: 1,
    received: 0,
    behind: 0,
    gone: 0,
    toMove: 1,
  })
  const now = engine.clock.now()
  expect(await getMessage(engine, dead, id)).toEqual({
    ...before,
    dueAt: now,
    visibleAt: now,
    // The whole retention of the dead-letter queue, from now.
    expiresAt: now + 345_600_000,
  })
  expect(before.deadLetter).toMatchObject({ queue: 'orders', reason: 'no a', receiveCount: 1 })
  expect(await held(queue)).toEqual([])
  expect(await getRedrive(engine, dead, taskId)).toMatchObject({
    undoneBy: (await listRedrives(engine, dead))[0]?.taskId,
  })
})

test('what a consumer received stays, and what is gone is counted', async () => {
  const { engine, dead, queue, fail, redrive, undo, held } = await undoWorld()
  await fail(['a', 'b', 'c', 'd', 'e'])
  const { taskId } = await redrive()
  const [acked, leased, given] = await take(engine, queue, 3)
  await ack(engine, queue, handles([acked as never]))
  await nack(engine, queue, [{ receiptHandle: given?.receiptHandle ?? '' }])
  expect(await undo(taskId)).toMatchObject({ moved: 2, received: 2, gone: 1 })
  expect((await held(queue)).sort()).toEqual([leased?.body, given?.body].sort())
  expect(await held(dead)).toHaveLength(2)
})

test('only messages of the redrive go back', async () => {
  const { engine, dead, queue, fail, redrive, undo, held } = await undoWorld()
  const [a] = await fail(['a', 'b'])
  await publish(engine, queue, [{ body: 'before' }])
  const first = await redrive({ filter: { messageIds: [a ?? ''] } })
  await publish(engine, queue, [{ body: 'after' }])
  const second = await redrive()
  expect(await undo(first.taskId)).toMatchObject({ moved: 1, gone: 0 })
  expect(await held(dead)).toEqual(['a'])
  expect((await held(queue)).sort()).toEqual(['after', 'b', 'before'])
  expect(await undo(second.taskId)).toMatchObject({ moved: 1, gone: 0 })
  expect((await held(queue)).sort()).toEqual(['after', 'before'])
})

test('each message comes back from the queue it went to, whatever became of its shards and priorities', async () => {
  const { engine, dead, queue, fail, redrive, undo, held } = await undoWorld({ settings: { shards: 8, priorities: 3 } })
  await createQueue(engine, 'payments', { settings: { deadLetter: { queue: dead, maxReceives: 5 } } })
  await createQueue(engine, 'deleted', { settings: { deadLetter: { queue: dead, maxReceives: 5 } } })
  await fail(['a', 'b', 'c', 'd', 'e'])
  await fail(['p'], { queue: 'payments' })
  const { taskId, moved } = await redrive()
  expect(moved).toBe(6)
  await updateQueue(engine, queue, { settings: { shards: 1, priorities: 1 } })
  expect(await previewUndo(engine, dead, taskId)).toEqual({
    taskId,
    returning: 6,
    received: 0,
    behind: 0,
    gone: 0,
    complete: true,
    queues: expect.arrayContaining(['orders', 'payments']),
  })
  expect(await undo(taskId)).toMatchObject({ moved: 6 })
  expect((await held(dead)).sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'p'])
})

test('a redrive to another queue is undone, and a message that never failed comes back without a reason', async () => {
  const { engine, dead, redrive, undo } = await undoWorld()
  await createQueue(engine, 'retry')
  const [sent] = await publish(engine, dead, [{ body: 'direct' }])
  const id = sent?.ok ? sent.messageId : ''
  const before = await getMessage(engine, dead, id)
  const { taskId } = await redrive({ destination: 'retry' })
  expect(await undo(taskId)).toMatchObject({ moved: 1 })
  const after = await getMessage(engine, dead, id)
  expect(after).toMatchObject({ body: 'direct', publishedAt: before.publishedAt, state: 'ready' })
  expect(after.deadLetter).toBeUndefined()
})

test('a preview counts and moves nothing', async () => {
  const { engine, dead, queue, fail, redrive, held } = await undoWorld()
  await fail(['a', 'b', 'c'])
  const { taskId } = await redrive()
  const [message] = await take(engine, queue, 1)
  await ack(engine, queue, handles([message as never]))
  await take(engine, queue, 1)
  for (let time = 0; time < 2; time++) {
    expect(await previewUndo(engine, dead, taskId)).toMatchObject({
      returning: 1,
      received: 1,
      gone: 1,
      complete: true,
    })
  }
  expect(await held(dead)).toEqual([])
})

test('a message that failed again belongs to the redrive no more', async () => {
  const { engine, dead, queue, fail, redrive, undo, held } = await undoWorld()
  await fail(['a'])
  const first = await redrive()
  const [message] = await take(engine, queue)
  await nack(engine, queue, [{ receiptHandle: message?.receiptHandle ?? '', deadLetter: true, error: 'again' }])
  const second = await redrive()
  expect(await undo(first.taskId)).toMatchObject({ moved: 0, gone: 1 })
  expect(await held(queue)).toEqual(['a'])
  expect(await undo(second.taskId)).toMatchObject({ moved: 1 })
  expect((await poll(engine, dead))[0]?.deadLetter).toMatchObject({ reason: 'again' })
})

test('a message that was rescheduled stays, since its due time would be lost', async () => {
  const { engine, queue, fail, redrive, undo, held } = await undoWorld()
  const [id = ''] = await fail(['a'])
  const { taskId } = await redrive()
  await rescheduleMessage(engine, queue, id, { delaySeconds: 3 })
  expect(await undo(taskId)).toMatchObject({ moved: 0, gone: 1 })
  expect(await held(queue)).toEqual(['a'])
})

test('what has expired or was purged does not come back', async () => {
  const { engine, dead, queue, fail, redrive, undo, held } = await undoWorld({ settings: { retentionSeconds: 60 } })
  await fail(['a'])
  const first = await redrive()
  await engine.clock.advance(61_000)
  expect(await undo(first.taskId)).toMatchObject({ moved: 0, gone: 1 })
  await fail(['b'])
  const second = await redrive()
  await engine.clock.advance(1_000)
  await purgeQueue(engine, queue)
  expect(await undo(second.taskId)).toMatchObject({ moved: 0, gone: 1 })
  expect(await held(dead)).toEqual([])
})

test('a message that goes back is kept for the whole retention of the dead-letter queue', async () => {
  const { engine, dead, fail, redrive, undo, held } = await undoWorld({ dead: { retentionSeconds: 100 } })
  await fail(['a'])
  await engine.clock.advance(90_000)
  const { taskId } = await redrive()
  await engine.clock.advance(90_000)
  await undo(taskId)
  await engine.clock.advance(98_000)
  expect(await held(dead)).toEqual(['a'])
})

test('a queue that is its own dead-letter queue takes its messages back', async () => {
  const { engine, fail } = await undoWorld()
  await createQueue(engine, 'loop')
  await updateQueue(engine, 'loop', { settings: { deadLetter: { queue: 'loop', maxReceives: 2 } } })
  await fail(['a'], { queue: 'loop' })
  await engine.clock.advance(1_000)
  const { taskId } = await startRedrive(engine, 'loop')
  await runRedrive(engine, 'loop', taskId)
  const undo = await undoRedrive(engine, 'loop', taskId)
  expect(await runRedrive(engine, 'loop', undo.taskId)).toMatchObject({ moved: 1, state: 'completed' })
  expect(await poll(engine, 'loop')).toMatchObject([{ body: 'a', deadLetter: { reason: 'no a' } }])
})

test('a message that failed again in such a queue belongs to the redrive no more', async () => {
  const { engine, fail } = await undoWorld()
  await createQueue(engine, 'loop')
  await updateQueue(engine, 'loop', { settings: { deadLetter: { queue: 'loop', maxReceives: 2 } } })
  await fail(['a'], { queue: 'loop' })
  await engine.clock.advance(1_000)
  const { taskId } = await startRedrive(engine, 'loop')
  await runRedrive(engine, 'loop', taskId)
  const [message] = await take(engine, 'loop')
  await nack(engine, 'loop', [{ receiptHandle: message?.receiptHandle ?? '', deadLetter: true, error: 'again' }])
  expect(await previewUndo(engine, 'loop', taskId)).toMatchObject({ returning: 0, gone: 1 })
})

describe('the status of a message that went back', () => {
  test('is that of a dead letter, with its reason', async () => {
    const { engine, queue, fail, redrive, undo } = await undoWorld({ settings: { results: { retentionSeconds: 600 } } })
    const [a = '', b = ''] = await fail(['a', 'b'])
    const { taskId } = await redrive()
    await undo(taskId)
    const at = engine.clock.now()
    expect(await messageStatus(engine, queue, a)).toEqual({ state: 'deadLettered', at, queue: 'dead', reason: 'no a' })
    expect(await messageStatus(engine, queue, b)).toEqual({ state: 'deadLettered', at, queue: 'dead', reason: 'no b' })
  })

  test('is "moved" where it had not failed', async () => {
    const { engine, dead, redrive, undo, fail } = await undoWorld()
    await createQueue(engine, 'retry', { settings: { results: { retentionSeconds: 600 } } })
    const [a = ''] = await fail(['a'])
    const { taskId } = await redrive({ destination: 'retry' })
    await undo(taskId)
    expect(await messageStatus(engine, 'retry', a)).toMatchObject({ state: 'gone', reason: 'moved', queue: dead })
  })
})

describe('on a FIFO queue', () => {
  test('messages go back in their order, group by group', async () => {
    const { engine, dead, fail, redrive, undo } = await undoWorld({ fifo: true })
    await fail(['a1', 'a2', 'a3'], { group: 'a' })
    await fail(['b1', 'b2'], { group: 'b' })
    const { taskId } = await redrive()
    expect(await undo(taskId)).toMatchObject({ moved: 5, behind: 0 })
    const seen = (await take(engine, dead)).map(({ body }) => String(body))
    expect(seen.filter((body) => body.startsWith('a'))).toEqual(['a1', 'a2', 'a3'])
    expect(seen.filter((body) => body.startsWith('b'))).toEqual(['b1', 'b2'])
  })

  test('those behind a message that was received stay, or they would overtake it', async () => {
    const { engine, queue, dead, fail, redrive, undo } = await undoWorld({ fifo: true })
    await fail(['a1', 'a2', 'a3'], { group: 'a' })
    await fail(['b1', 'b2'], { group: 'b' })
    const { taskId } = await redrive()
    const [first] = await take(engine, queue, 1)
    const [stays, goes] = first?.groupId === 'a' ? [2, 2] : [1, 3]
    expect(await previewUndo(engine, dead, taskId)).toMatchObject({ returning: goes, received: 1, behind: stays })
    expect(await undo(taskId)).toMatchObject({ moved: goes, received: 1, behind: stays, gone: 0 })
    await ack(engine, queue, handles([first as never]))
    expect(await undo(taskId)).toMatchObject({ toMove: 5 - goes, moved: stays, received: 0, behind: 0, gone: 1 })
  })

  test('those stay on every page of a long group', async () => {
    const { engine, queue, fail, redrive, undo } = await undoWorld({ fifo: true })
    await fail(Array.from({ length: 30 }, (_, n) => `m${n}`))
    const { taskId } = await redrive()
    await take(engine, queue, 1)
    expect(await undo(taskId)).toMatchObject({ moved: 0, received: 1, behind: 29 })
  })

  test('a message that waits for the delay of the queue was not received', async () => {
    const { engine, fail, redrive, undo, queue } = await undoWorld({ fifo: true })
    await fail(['a'])
    await updateQueue(engine, queue, { settings: { delaySeconds: 60 } })
    const { taskId } = await redrive()
    expect(await undo(taskId)).toMatchObject({ moved: 1 })
  })

  test('groups without messages of the redrive are not read', async () => {
    const { engine, fail, redrive, dead, queue } = await undoWorld({ fifo: true })
    for (const group of ['x', 'y', 'z']) {
      await publish(engine, queue, [{ body: group, groupId: group, deduplicationId: group }])
    }
    await engine.clock.advance(120_000)
    await take(engine, queue)
    await fail(['a'], { group: 'a' })
    const { taskId } = await redrive()
    const ranges: string[] = []
    const watching = {
      ...engine,
      store: {
        ...engine.store,
        headers: (range: Parameters<typeof engine.store.headers>[0]) => {
          ranges.push(range.partition.group ?? '')
          return engine.store.headers(range)
        },
      },
    }
    expect(await previewUndo(watching, dead, taskId)).toMatchObject({ returning: 1 })
    expect(new Set(ranges).size).toBe(1)
  })
})

describe('a redrive', () => {
  test('that runs can not be undone, and while it is undone no other runs', async () => {
    const { engine, dead, fail, redrive } = await undoWorld()
    await fail(['a'])
    const running = await startRedrive(engine, dead)
    await expect(undoRedrive(engine, dead, running.taskId)).rejects.toMatchObject({ code: 'OperationInProgress' })
    await cancelRedrive(engine, dead, running.taskId)
    const { taskId } = await redrive()
    const undo = await undoRedrive(engine, dead, taskId)
    for (const another of [() => startRedrive(engine, dead), () => undoRedrive(engine, dead, taskId)]) {
      await expect(another()).rejects.toMatchObject({
        code: 'OperationInProgress',
        message: `a redrive, or the undo of one, is running already on queue ${dead}: cancel it, or wait for its end`,
      })
    }
    expect(await cancelRedrive(engine, dead, undo.taskId)).toMatchObject({ state: 'cancelled', undoes: taskId })
    await startRedrive(engine, dead)
  })

  test('that is an undo, or that an earlier version began, can not be undone', async () => {
    const { engine, dead, fail, redrive, undo } = await undoWorld()
    await fail(['a'])
    const { taskId } = await redrive()
    const done = await undo(taskId)
    await expect(undoRedrive(engine, dead, done.taskId)).rejects.toMatchObject({
      code: 'InvalidRequest',
      message: `taskId must name a redrive (this one is an undo, whose messages another redrive moves again), but is "${done.taskId}"`,
    })
    await expect(undoRedrive(engine, dead, taskId.replace(/.$/, 'x'))).rejects.toMatchObject({
      code: 'RedriveNotFound',
    })
    const key = redriveKey(dead, taskId)
    const document = await engine.store.getDocument(key)
    const { targets: _, ...earlier } = (document?.value ?? {}) as Record<string, never>
    await engine.store.transact([{ kind: 'put', key, value: earlier }])
    await expect(undoRedrive(engine, dead, taskId)).rejects.toMatchObject({ code: 'InvalidRequest' })
    await expect(undoRedrive(engine, dead, taskId, { every: 1 } as never)).rejects.toMatchObject({
      fields: { field: 'every' },
    })
  })

  test('that was cancelled is undone as far as it went', async () => {
    const { engine, dead, fail, undo, held } = await undoWorld()
    await fail(['a', 'b', 'c'])
    await engine.clock.advance(1_000)
    const { taskId } = await startRedrive(engine, dead, { maxPerSecond: 1 })
    const run = runRedrive(engine, dead, taskId)
    await engine.clock.advance(1_500)
    await cancelRedrive(engine, dead, taskId)
    await engine.clock.advance(5_000)
    const { moved } = await run
    expect(moved).toBeLessThan(3)
    expect(await undo(taskId)).toMatchObject({ moved, gone: 0 })
    expect(await held(dead)).toHaveLength(3)
  })
})

test('an undo is stored so that a version that knows no undo takes it for one that is over', async () => {
  const { engine, dead, fail, redrive } = await undoWorld()
  await fail(['a'])
  const { taskId } = await redrive()
  const undo = await undoRedrive(engine, dead, taskId)
  expect(undo.state).toBe('running')
  const stored = await engine.store.getDocument(redriveKey(dead, undo.taskId))
  expect(stored?.value).toMatchObject({ state: 'undo-running' })
  expect(await getRedrive(anotherProcess(engine), dead, undo.taskId)).toMatchObject({ state: 'running' })
})

test('an undo moves no more a second than asked, and can be cancelled in between', async () => {
  const { engine, dead, queue, fail, redrive, held } = await undoWorld()
  await fail(['a', 'b', 'c', 'd'])
  const { taskId } = await redrive()
  const undo = await undoRedrive(engine, dead, taskId, { maxPerSecond: 1 })
  const run = runRedrive(engine, dead, undo.taskId)
  await engine.clock.advance(1_500)
  expect((await held(dead)).length).toBeLessThanOrEqual(2)
  expect(await cancelRedrive(engine, dead, undo.taskId)).toMatchObject({ state: 'cancelling' })
  await engine.clock.advance(3_000)
  const { moved, state } = await run
  expect({ state, left: (await held(queue)).length }).toEqual({ state: 'cancelled', left: 4 - moved })
  expect(moved).toBeGreaterThan(0)
})

test('a message is cancelled where it went back to', async () => {
  const { engine, dead, queue, fail, redrive, undo, held } = await undoWorld()
  const [id = ''] = await fail(['a'])
  await undo((await redrive()).taskId)
  await cancelMessage(engine, queue, id)
  expect(await held(dead)).toEqual([])
})

test('the content of large segments is read one by one, so that a page fits into the memory of a function', async () => {
  const { engine, dead, fail, redrive } = await undoWorld()
  await fail(['a', 'b', 'c', 'd', 'e'])
  const { taskId } = await redrive()
  const reads: number[] = []
  // The body items of the segments, in order: the largest publish has eleven.
  const sizes = [11, 11, 0, 1, 6]
  const watching = {
    ...engine,
    store: {
      ...engine.store,
      headers: async (range: Parameters<typeof engine.store.headers>[0]) => {
        const page = await engine.store.headers(range)
        return { ...page, segments: page.segments.map((one, index) => ({ ...one, bodyItems: sizes[index] ?? 0 })) }
      },
      read: (keys: Parameters<typeof engine.store.read>[0]) => {
        reads.push(keys.length)
        return engine.store.read(keys)
      },
    },
  }
  expect(await previewUndo(watching, dead, taskId)).toMatchObject({ returning: 5, complete: true })
  expect(reads).toEqual([1, 3, 1])
})
