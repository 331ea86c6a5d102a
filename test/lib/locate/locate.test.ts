import { describe, expect, test } from 'vitest'
import type { Engine } from '../../../lib/engine.ts'
import { isPending, locate } from '../../../lib/locate/locate.ts'
import { rescheduleMessage } from '../../../lib/messages/reschedule-message.ts'
import { isHoldfastError } from '../../../lib/model/errors.ts'
import { dueAtOf } from '../../../lib/model/segment-key.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../../lib/queues/delete-queue.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { nack } from '../../../lib/settle/verbs.ts'
import { engineWithQueue, type TestEngine } from '../../support/test-engine.ts'

const sent = async (engine: Engine, queue: string, body: string, groupId?: string): Promise<string> => {
  const [outcome] = await publish(engine, queue, [{ body, ...(groupId !== undefined && { groupId }) }])
  if (!outcome?.ok) throw new Error('the message was not published')
  return outcome.messageId
}

/** The body of the message and the queue that it is in; the error's code where it is not found. */
const foundAt = async (engine: Engine, queue: string, messageId: string): Promise<readonly [string, unknown]> => {
  try {
    const { queue: at, stored, index } = await locate(engine, queue, messageId)
    return [at.name, stored.content.messages[index]?.body]
  } catch (error) {
    if (isHoldfastError(error)) return [error.code, undefined]
    throw error
  }
}

const NOT_FOUND = ['MessageNotFound', undefined]

const pending = async (engine: Engine, messageId: string): Promise<boolean> =>
  isPending(engine, await engine.queues.get('orders'), messageId)

const receive = async (engine: Engine, queue = 'orders'): Promise<string> => {
  const [message] = await poll(engine, queue)
  return message?.receiptHandle ?? ''
}

/** Two queues, `mails` and `bills`, with the dead-letter queue `failed`. */
const withDeadLetters = async (): Promise<TestEngine> => {
  const engine = await engineWithQueue()
  await createQueue(engine, 'failed', {})
  for (const name of ['mails', 'bills']) {
    await createQueue(engine, name, { settings: { deadLetter: { queue: 'failed', maxReceives: 5 } } })
  }
  return engine
}

/** Receives the message of `mails`, and moves it to the dead-letter queue. */
const rejected = async (engine: Engine): Promise<void> => {
  const [outcome] = await nack(engine, 'mails', [await receive(engine, 'mails')], {
    deadLetter: true,
    error: 'no such address',
  })
  if (!outcome?.ok) throw new Error('the message was not dead-lettered')
}

describe('a message is found by its id', () => {
  test('at its position among the messages of one publish', async () => {
    const engine = await engineWithQueue()
    const outcomes = await publish(engine, 'orders', [{ body: 'a' }, { body: 'b' }, { body: 'c' }])
    const ids = outcomes.map((outcome) => (outcome.ok ? outcome.messageId : ''))
    expect(await Promise.all(ids.map((id) => foundAt(engine, 'orders', id)))).toEqual([
      ['orders', 'a'],
      ['orders', 'b'],
      ['orders', 'c'],
    ])
  })

  test('in a fair group and in an ordered group', async () => {
    const engine = await engineWithQueue()
    const id = await sent(engine, 'orders', 'fair', 'tenant')
    expect(await foundAt(engine, 'orders', id)).toEqual(['orders', 'fair'])
    await createQueue(engine, 'steps.fifo', { settings: { fifo: { contentBasedDeduplication: true } as never } })
    const step = await sent(engine, 'steps.fifo', 'first', 'ada')
    expect(await foundAt(engine, 'steps.fifo', step)).toEqual(['steps.fifo', 'first'])
  })

  test('where its alias leads after it was rescheduled', async () => {
    const engine = await engineWithQueue()
    const id = await sent(engine, 'orders', 'a')
    await rescheduleMessage(engine, 'orders', id, { delaySeconds: 60 })
    const { stored } = await locate(engine, 'orders', id)
    expect(dueAtOf(stored.segment.key.sort)).toBe(engine.clock.now() + 60_000)
    expect(await foundAt(engine, 'orders', id)).toEqual(['orders', 'a'])
    expect(await pending(engine, id)).toBe(true)
  })

  test('in the dead-letter queue of the queue that it failed in, where it is not pending', async () => {
    const engine = await withDeadLetters()
    const id = await sent(engine, 'mails', 'a')
    await rejected(engine)
    expect(await foundAt(engine, 'mails', id)).toEqual(['failed', 'a'])
    expect(await isPending(engine, await engine.queues.get('mails'), id)).toBe(false)
  })
})

describe('a message is not found', () => {
  test('by an id that is none, or after its ack', async () => {
    const engine = await engineWithQueue()
    expect(await foundAt(engine, 'orders', 'rubbish')).toEqual(NOT_FOUND)
    const id = await sent(engine, 'orders', 'a')
    expect(await pending(engine, id)).toBe(true)
    await ack(engine, 'orders', [await receive(engine)])
    expect(await foundAt(engine, 'orders', id)).toEqual(NOT_FOUND)
    expect(await pending(engine, id)).toBe(false)
  })

  test('after a purge, though it is still stored', async () => {
    const engine = await engineWithQueue()
    const id = await sent(engine, 'orders', 'a')
    await engine.clock.advance(1)
    await purgeQueue(engine, 'orders')
    expect(await foundAt(engine, 'orders', id)).toEqual(NOT_FOUND)
  })

  test('in the dead-letter queue by way of a queue that it did not fail in', async () => {
    const engine = await withDeadLetters()
    const id = await sent(engine, 'mails', 'a')
    await rejected(engine)
    expect(await foundAt(engine, 'bills', id)).toEqual(NOT_FOUND)
  })

  test('where the dead-letter queue does not exist any more', async () => {
    const engine = await withDeadLetters()
    const id = await sent(engine, 'mails', 'a')
    await rejected(engine)
    await deleteQueue(engine, 'failed')
    expect(await foundAt(engine, 'mails', id)).toEqual(NOT_FOUND)
  })
})
