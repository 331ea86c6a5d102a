import { expect, test } from 'vitest'
import type { Content } from '../../../lib/model/content.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { runRedrive, startRedrive } from '../../../lib/redrive/redrive.ts'
import { ack } from '../../../lib/settle/ack.ts'
import type { Store } from '../../../lib/store/port.ts'
import { FIFO, fifoEngine, handles, send, take } from '../../support/fifo-engine.ts'
import { engineWithQueue, type TestEngine, testEngine } from '../../support/test-engine.ts'

const DAMAGED = 'damaged'

/** A store that can't read the content of messages with the body `damaged`. */
const damaging = (store: Store): Store => {
  const damage = <T>(one: T): T => {
    const { content } = (one ?? {}) as { content?: Content }
    return content?.messages.some(({ body }) => body === DAMAGED)
      ? { ...one, content: undefined, unreadable: 'refused by the test' }
      : one
  }
  return {
    ...store,
    read: async (keys) => (await store.read(keys)).map(damage),
    claim: async (claims) => (await store.claim(claims)).map(damage),
    claimTogether: async (...input) => (await store.claimTogether(...input))?.map(damage),
  }
}

const bodiesOf = (messages: readonly { readonly body: unknown }[]) => messages.map(({ body }) => body)
const countOf = ({ events }: TestEngine, type: string) => events.filter((event) => event.type === type).length
const MINUTE = 60_000

test('a poll under a limit of a group leaves a message whose content can not be read, however old it is', async () => {
  const engine = await engineWithQueue({ maxInFlightPerGroup: 3 })
  for (const body of ['first', DAMAGED, 'last']) await publish(engine, 'orders', [{ body, groupId: 'a' }])
  const damaged = testEngine({ clock: engine.clock, store: damaging(engine.store) })
  await engine.clock.advance(2 * MINUTE)
  expect(bodiesOf(await poll(damaged, 'orders', { maxMessages: 10 }))).toEqual(['first', 'last'])
  expect([countOf(damaged, 'unreadable'), countOf(damaged, 'orphan-dropped')]).toEqual([1, 0])
  await engine.clock.advance(MINUTE)
  expect(bodiesOf(await poll(engine, 'orders', { maxMessages: 10 }))).toContain(DAMAGED)
})

test('a claim whose answer was lost leaves a message whose content can not be read', async () => {
  const engine = await engineWithQueue()
  await publish(engine, 'orders', [{ body: DAMAGED }])
  await engine.clock.advance(2 * MINUTE)
  const damaged = damaging(engine.store)
  const claim: Store['claim'] = async (claims) => {
    await damaged.claim(claims)
    return damaged.claim(claims)
  }
  const lossy = testEngine({ clock: engine.clock, store: { ...damaged, claim } })
  expect(await poll(lossy, 'orders', { maxMessages: 10 })).toEqual([])
  expect([countOf(lossy, 'unreadable'), countOf(lossy, 'orphan-dropped')]).toEqual([1, 0])
  await engine.clock.advance(MINUTE)
  expect(bodiesOf(await poll(engine, 'orders'))).toEqual([DAMAGED])
})

test('a poll gets what is in front of a message of its group whose content can not be read, and nothing overtakes it', async () => {
  const engine = await fifoEngine()
  await send(engine, 'a', 'first', DAMAGED, 'last')
  const damaged = testEngine({ clock: engine.clock, store: damaging(engine.store) })
  const received = await take(damaged)
  expect(bodiesOf(received)).toEqual(['first'])
  await ack(damaged, FIFO, handles(received))
  expect(await take(damaged)).toEqual([])
  await engine.clock.advance(MINUTE)
  expect(await take(damaged)).toEqual([])
  await engine.clock.advance(MINUTE)
  expect(bodiesOf(await take(engine))).toEqual([DAMAGED, 'last'])
})

test('a message whose content can not be read is not moved to the dead-letter queue, and does not keep polls busy', async () => {
  const engine = await fifoEngine({ deadLetter: { queue: 'dead.fifo', maxReceives: 1 } })
  await send(engine, 'a', DAMAGED, 'last')
  let reads = 0
  const store = damaging(engine.store)
  const headers: Store['headers'] = (range) => {
    reads++
    return store.headers(range)
  }
  const damaged = testEngine({ clock: engine.clock, store: { ...store, headers } })
  for (let polls = 0; polls < 3; polls++) {
    await engine.clock.advance(MINUTE)
    reads = 0
    expect(await take(damaged)).toEqual([])
    expect(reads).toBeLessThan(5)
  }
  expect(await take(engine, {}, 'dead.fifo')).toEqual([])
})

test('a redrive leaves what is behind a message of its group whose content can not be read', async () => {
  const engine = await fifoEngine({ deadLetter: { queue: 'dead.fifo', maxReceives: 1 } })
  await send(engine, 'a', 'first', DAMAGED, 'last')
  for (let polls = 0; polls < 4; polls++) await take(engine, { visibilityTimeoutSeconds: 0 })
  await engine.clock.advance(1)
  const damaged = testEngine({ clock: engine.clock, store: damaging(engine.store) })
  const { taskId } = await startRedrive(damaged, 'dead.fifo')
  expect(await runRedrive(damaged, 'dead.fifo', taskId)).toMatchObject({ moved: 1 })
  expect(bodiesOf(await take(engine))).toEqual(['first'])
  expect(bodiesOf(await take(engine, {}, 'dead.fifo'))).toEqual([DAMAGED, 'last'])
})
