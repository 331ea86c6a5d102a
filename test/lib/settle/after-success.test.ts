import { describe, expect, test } from 'vitest'
import { cancelMessage } from '../../../lib/messages/cancel-message.ts'
import { HoldfastError } from '../../../lib/model/errors.ts'
import type { HandleResult } from '../../../lib/model/message.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { extend } from '../../../lib/settle/extend.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { unreceive } from '../../../lib/settle/unreceive.ts'
import type { Store } from '../../../lib/store/port.ts'
import { bodies, FIFO, fifoEngine, handles, sendOne, take } from '../../support/fifo-engine.ts'
import { anotherProcess, engineWithQueue, type TestEngine, testEngine } from '../../support/test-engine.ts'

/** A store where everything fails once a message was changed, whatever it is. */
const failingAfterChange = (store: Store, failure: Error): Store => {
  let changed = false
  const unlessChanged = async <T>(work: () => Promise<T>): Promise<T> => {
    if (changed) throw failure
    return work()
  }
  return {
    ...store,
    change: async (changes) => {
      const outcomes = await store.change(changes)
      changed = true
      return outcomes
    },
    headers: (range) => unlessChanged(() => store.headers(range)),
    read: (keys) => unlessChanged(() => store.read(keys)),
    tickets: (range) => unlessChanged(() => store.tickets(range)),
    lockTicket: (key, lock) => unlessChanged(() => store.lockTicket(key, lock)),
    markTicket: (key, until, mark) => unlessChanged(() => store.markTicket(key, until, mark)),
    dropTicket: (key, last) => unlessChanged(() => store.dropTicket(key, last)),
    getDocument: (key, options) => unlessChanged(() => store.getDocument(key, options)),
    listDocuments: (query) => unlessChanged(() => store.listDocuments(query)),
    transact: (writes) => unlessChanged(() => store.transact(writes)),
  }
}

type Operation = (engine: TestEngine, queue: string, receiptHandles: string[]) => Promise<HandleResult[]>
const OPERATIONS: [string, Operation][] = [
  ['an ack', ack],
  [
    'an extension',
    (engine, queue, all) =>
      extend(
        engine,
        queue,
        all.map((receiptHandle) => ({ receiptHandle, visibilityTimeoutSeconds: 0 })),
      ),
  ],
  [
    'a nack',
    (engine, queue, all) =>
      nack(
        engine,
        queue,
        all.map((receiptHandle) => ({ receiptHandle })),
      ),
  ],
  ['an undone receive', unreceive],
]
const FAILURES: [string, Error][] = [
  ['Throttled', new HoldfastError('Throttled', 'by the test')],
  ['Internal', new HoldfastError('Internal', 'by the test')],
  ['AccessDenied', new HoldfastError('AccessDenied', 'by the test')],
  ['a defect', new TypeError('by the test')],
]

describe.each(FAILURES)('whatever fails after the writes, here %s,', (name, failure) => {
  test.each(OPERATIONS)('%s answers what it did', async (_, operation) => {
    const fifo = await fifoEngine()
    const fair = await engineWithQueue()
    const cases = [
      { engine: fifo, queue: FIFO },
      { engine: fair, queue: 'orders' },
    ]
    for (const { engine, queue } of cases) {
      for (const body of ['1', '2']) await sendOne(engine, { body, groupId: 'a' }, queue)
      const received = await take(engine, { visibilityTimeoutSeconds: 3_600 }, queue)
      expect(bodies(received)).toEqual(['1', '2'])
      const store = failingAfterChange(engine.store, failure)
      const failing = testEngine({ clock: engine.clock, store, seed: 7 })
      expect(await operation(failing, queue, handles(received))).toEqual([{ ok: true }, { ok: true }])
      const unexpected = name !== 'Throttled' && (queue === FIFO || operation !== ack)
      const observed = failing.events.filter(({ type }) => type === 'follow-up-failed')
      expect(observed.length > 0).toBe(unexpected)
    }
  })

  test('a cancelled message is cancelled', async () => {
    const engine = await fifoEngine()
    const { messageId } = await sendOne(engine, { body: '1', groupId: 'a' })
    await sendOne(engine, { body: '2', groupId: 'a' })
    const store = failingAfterChange(engine.store, failure)
    await cancelMessage(testEngine({ clock: engine.clock, store }), FIFO, messageId)
    expect(bodies(await take(anotherProcess(engine)))).toEqual(['2'])
  })
})

test('an ack by a process that has not looked at the queue for long asks for it before it writes', async () => {
  const engine = await engineWithQueue()
  await sendOne(engine, { body: '1' }, 'orders')
  const [handle] = handles(await take(engine, { visibilityTimeoutSeconds: 3_600 }, 'orders')) as [string]
  await engine.clock.advance(60_000)
  const unreadable: Store = {
    ...engine.store,
    getDocument: () => Promise.reject(new HoldfastError('Throttled', 'by the test')),
  }
  const blind = testEngine({ clock: engine.clock, store: unreadable })
  await expect(ack(blind, 'orders', [handle])).rejects.toMatchObject({ code: 'Throttled' })
  expect(await ack(engine, 'orders', [handle])).toEqual([{ ok: true }])
})
