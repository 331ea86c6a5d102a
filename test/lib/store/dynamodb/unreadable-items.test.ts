import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { expect, test } from 'vitest'
import { getMessage } from '../../../../lib/messages/get-message.ts'
import type { EngineEvent } from '../../../../lib/model/engine-event.ts'
import { publish } from '../../../../lib/publish/publish.ts'
import { counts } from '../../../../lib/queues/counts.ts'
import { listQueues } from '../../../../lib/queues/list-queues.ts'
import { poll } from '../../../../lib/receive/poll.ts'
import { awaitResult } from '../../../../lib/results/await-result.ts'
import { dueQueues } from '../../../../lib/triggers/due-index.ts'
import { ATTEMPT, type TableWorld, tableWorld } from '../../../fuzz/table-world.ts'
import { hastyClock } from '../../../support/manual-clock.ts'

/** A process on a table in which one attribute of one item is another: the item is the first whose keys start with this. */
const processOn = async (start: string, attributes: Readonly<Record<string, AttributeValue>>, place = 0) => {
  const world = await tableWorld()
  const name = namesOf(world, start)[place] as string
  world.items.set(name, { ...world.items.get(name), ...attributes })
  const events: EngineEvent[] = []
  const clock = hastyClock()
  const engine = world.process({ clock, observe: (event) => events.push(event) })
  return { engine, world, name, events, clock }
}

const namesOf = ({ items }: TableWorld, start: string): string[] =>
  [...items.keys()].filter((name) => name.startsWith(start)).sort()

const bodies = (messages: readonly { readonly body: unknown }[]): unknown[] => messages.map(({ body }) => body)

const SHORT_LEASE = { A: { B: Uint8Array.of(1, 2) } }
const OF_ANOTHER_FORMAT = { p: { B: Uint8Array.of(7) } }

test('a poll passes by a header that can not be read, reports it once a minute, and gets the other messages', async () => {
  const { engine, events, name, world } = await processOn('s#orders#', SHORT_LEASE, 1)
  const found = await poll(engine, 'orders', { maxMessages: 10 })
  expect(bodies(found)).toContain('idempotent')
  expect(bodies(found)).not.toContain('second')
  await poll(engine, 'orders', { maxMessages: 10 })
  expect(events.filter(({ type }) => type === 'unreadable')).toEqual([
    { type: 'unreadable', queue: 'orders', item: name, reason: 'its attribute A is no lease' },
  ])
  expect(world.deleted).not.toContain(name)
})

test('a message that can not be read is counted as in flight', async () => {
  const { engine } = await processOn('s#orders#', SHORT_LEASE, 1)
  expect(await counts(engine, 'orders')).toMatchObject({ leased: 1 })
})

test('nothing overtakes a message that can not be read in its group, and other groups go on', async () => {
  const { engine } = await processOn('s#orders.fifo#', SHORT_LEASE, 1)
  expect(bodies(await poll(engine, 'orders.fifo', { maxMessages: 10 }))).toEqual(['other'])
})

test('a message whose content can not be read stays, however old it is, and the other messages come', async () => {
  const { engine, events, name, world, clock } = await processOn('s#orders#', OF_ANOTHER_FORMAT, 1)
  clock.advance(3_600_000)
  const found = await poll(engine, 'orders', { maxMessages: 10 })
  expect(bodies(found)).toContain('idempotent')
  expect(events).toContainEqual(
    expect.objectContaining({ type: 'unreadable', reason: 'its content has the unknown format 7' }),
  )
  expect(world.items.has(name)).toBe(true)
})

test('whoever asks for a message that can not be read is told so, and not that there is none', async () => {
  for (const damage of [SHORT_LEASE, OF_ANOTHER_FORMAT]) {
    const { engine, world, name } = await processOn('s#orders#', damage, 1)
    const [, , second = ''] = world.ids
    const failure = await getMessage(engine, 'orders', second).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'Internal' })
    expect(String(failure)).toContain(`the item ${name} can't be read`)
  }
})

test('a queue whose record can not be read fails with the name of the item, and the others go on', async () => {
  const { engine } = await processOn('q#orders ', { j: { S: '{"settings":{}}' } })
  await expect(poll(engine, 'orders', {})).rejects.toThrow(
    "the item q#orders q can't be read: it is no record of a queue",
  )
  expect(bodies(await poll(engine, 'orders.fifo', { maxMessages: 10 }))).toEqual(['one', 'two', 'other'])
})

test('a list of queues leaves out the one whose record can not be read, and reports it', async () => {
  const { engine, events } = await processOn('q#orders ', { j: { S: 'null' } })
  expect((await listQueues(engine)).queues.map(({ name }) => name)).toEqual(['dead', 'orders.fifo'])
  expect(events).toContainEqual(expect.objectContaining({ type: 'unreadable', queue: 'orders', item: 'q#orders q' }))
})

test.each(['{', 'null', '{"a":1,"s":"AAAA"}'])('a snapshot that can not be read hides nothing: %s', async (text) => {
  const { engine } = await processOn('h#', { j: { S: text } })
  expect(bodies(await poll(engine, 'orders', { maxMessages: 10 }))).toContain('second')
})

test('a result of a kind that only a newer version knows is not taken for success', async () => {
  const { engine, world } = await processOn('o#', { j: { S: '[1772366400000,1772366400000,[0,2,99]]' } })
  await expect(awaitResult(engine, 'orders', String(world.ids[0]), { waitTimeSeconds: 0 })).rejects.toThrow(
    'a result is of the unknown kind 99',
  )
})

test('a poll that is repeated under an attempt id that can not be read is a new one', async () => {
  const { engine } = await processOn('p#', { j: { S: 'null' } })
  expect(bodies(await poll(engine, 'orders.fifo', { maxMessages: 10, attemptId: ATTEMPT }))).toEqual([
    'one',
    'two',
    'other',
  ])
})

test('a publish into a group whose last number can not be read says so', async () => {
  const { engine, world, name } = await processOn('t#orders.fifo#', { l: { S: 'zzz' } }, 1)
  world.refused.add(name)
  const [result] = await publish(engine, 'orders.fifo', [{ body: 'new', groupId: 'g' }])
  expect(result).toMatchObject({ ok: false, error: { code: 'Internal' } })
  expect(result?.ok === false && result.error.message).toContain(`the item ${name} can't be read`)
})

test('a lock of a group that can not be read holds up nothing', async () => {
  const { engine } = await processOn('t#orders.fifo#', { u: { S: 'x' } }, 1)
  expect(bodies(await poll(engine, 'orders.fifo', { maxMessages: 10 }))).toContain('one')
})

test('an entry of the due index that can not be read starts a run, and the others are found', async () => {
  const { engine } = await processOn('i#', { j: { S: 'null' } })
  const due = []
  for await (const one of dueQueues(engine)) due.push(one)
  expect(due).toEqual([{ queue: 'orders', due: { left: true } }])
})
