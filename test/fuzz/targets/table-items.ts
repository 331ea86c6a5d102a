import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import type { Engine } from '../../../lib/engine.ts'
import { browse } from '../../../lib/messages/browse.ts'
import { getMessage } from '../../../lib/messages/get-message.ts'
import { isHoldfastError } from '../../../lib/model/errors.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { counts } from '../../../lib/queues/counts.ts'
import { listQueues } from '../../../lib/queues/list-queues.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { listRedrives, runningRedrives, runRedrive, startRedrive } from '../../../lib/redrive/redrive.ts'
import { awaitResult } from '../../../lib/results/await-result.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { type Item, readHeader } from '../../../lib/store/dynamodb/header-item.ts'
import { segmentKeyOf } from '../../../lib/store/keys.ts'
import { getTrigger } from '../../../lib/triggers/trigger.ts'
import { demand, orRefusal } from '../judge.ts'
import { ATTEMPT, IDEMPOTENT, nameOf, REPEATED, type TableWorld, tableWorld } from '../table-world.ts'

/**
 * Items as they may be read from a table. Each line changes one attribute of one item: the letter of the item's kind and its place
 * among them, the attribute's name, its type and its value. `-` takes the attribute away.
 *
 *     s0 A B 00ff00
 *     s0 e N 7
 *     n0 j S {"generation":"x"}
 *     t1 x -
 */
export const fuzz = async (data: Buffer): Promise<void> => {
  const world = await tableWorld()
  const names = [...world.items.keys()].sort()
  const changed = new Set<string>()
  for (const line of data.toString('utf8').split('\n').slice(0, 8)) changeBy(line, world, names, changed)
  const damaged = [...changed].filter((name) => isDamagedHeader(world.items.get(name)))
  world.deleted.length = 0
  const engine = world.process()
  await receiveAll(engine, changed, world)
  for (const use of usesOf(engine, world.ids)) await orRefusal(use, isClear)
  for (const name of damaged) demand(world.items.has(name), 'an item that can not be read was deleted', name)
}

const LINE = /^([a-z])(\d) ([a-zA-Z]) (?:-|([NSB]) (.*))$/

const changeBy = (line: string, { items }: TableWorld, names: readonly string[], changed: Set<string>): void => {
  const [, kind, place, attribute = '', type, text = ''] = LINE.exec(line) ?? []
  const ofKind = names.filter((name) => name[0] === kind)
  const name = ofKind[Number(place) % ofKind.length]
  const item = name === undefined ? undefined : items.get(name)
  if (name === undefined || !item) return
  const { [attribute]: _, ...others } = item
  const value = type === undefined ? undefined : attributeValue(type, text)
  if (type !== undefined && !value) return
  items.set(name, { ...others, ...(value && { [attribute]: value }) } as Item)
  changed.add(name)
}

/** As DynamoDB takes it: a number is one, whatever wrote it. */
const attributeValue = (type: string, text: string): AttributeValue | undefined => {
  if (type === 'S') return { S: text }
  if (type === 'B') return { B: Uint8Array.from(Buffer.from(text, 'hex')) }
  return /^-?\d{1,38}(\.\d{1,10})?$/.test(text) ? { N: text } : undefined
}

/** Items that a queue can't be used without: its record, and where its messages are. */
const isRecord = (name: string): boolean => /^[qn]#/.test(name)

const isDamagedHeader = (item: Item | undefined): boolean => {
  const key = item && segmentKeyOf({ partition: item.pk?.S ?? '', sort: item.sk?.S ?? '' })
  if (!item || !key) return false
  try {
    readHeader(key.partition, item)
    return false
  } catch {
    return true
  }
}

/** What can't be read must not keep a poll from the messages of whole items. */
const receiveAll = async (engine: Engine, changed: ReadonlySet<string>, { items }: TableWorld): Promise<void> => {
  const recordsAreWhole = ![...changed].some(isRecord)
  for (const queue of ['orders', 'orders.fifo', 'dead']) {
    const messages = await orRefusal(() => poll(engine, queue, { maxMessages: 10 }), isClear)
    demand(messages !== undefined || !recordsAreWhole, 'a poll failed for an item that is not the queue')
    if (messages?.[0]) await orRefusal(() => ack(engine, queue, [String(messages[0]?.receiptHandle)]), isClear)
    const whole = [...items.values()].filter((item) => isPlainHeader(item, queue) && !changed.has(nameOf(item)))
    const isWhole = queue === 'orders' && changed.size > 0 && [...changed].every((name) => /^[sb]#/.test(name))
    if (isWhole) demand((messages?.length ?? 0) >= whole.length, 'a poll left out messages that can be read')
  }
}

/** Headers whose content is in the item itself. */
const isPlainHeader = ({ pk, b, g }: Item, queue: string): boolean =>
  pk?.S?.startsWith(`s#${queue}#`) === true && !pk.S.includes('#g') && b === undefined && g === undefined

const usesOf = (engine: Engine, ids: readonly string[]): (() => Promise<unknown>)[] => [
  () => browse(engine, 'orders', { limit: 25 }),
  () => browse(engine, 'orders', { limit: 25, states: ['deadLettered'] }),
  () => browse(engine, 'orders.fifo', { limit: 25 }),
  () => counts(engine, 'orders'),
  () => counts(engine, 'orders.fifo'),
  () => listQueues(engine),
  ...ids.map((id) => () => getMessage(engine, 'orders', id)),
  ...ids.map((id) => () => awaitResult(engine, 'orders', id, { waitTimeSeconds: 0 })),
  () => publish(engine, 'orders', [{ body: 'x', groupId: 'g', deduplicationId: 'd' }]),
  () => publish(engine, 'orders.fifo', [{ body: 'x', groupId: 'g' }]),
  async () => runRedrive(engine, 'dead', (await startRedrive(engine, 'dead', {})).taskId),
  () => listRedrives(engine, 'dead'),
  () => publish(engine, 'orders', REPEATED, IDEMPOTENT),
  () => poll(engine, 'orders.fifo', { maxMessages: 10, attemptId: ATTEMPT }),
  () => getTrigger(engine, 'orders'),
  () => runningRedrives(engine),
]

/** A refusal, or an error that names the item. */
const isClear = (error: unknown): boolean =>
  isHoldfastError(error) && (error.code !== 'Internal' || /^the item \S+ .* can't be read: /s.test(error.message))

export const dictionary: readonly string[] = [
  ' A B ',
  ' e N ',
  ' c N ',
  ' x N ',
  ' k N ',
  ' b N ',
  ' s N ',
  ' w N ',
  ' p B ',
  ' j S ',
  ' l S ',
  ' u N ',
  ' u S ',
  ' t S ',
  ' m S ',
  ' x -',
  ' l -',
  ' j -',
  'null',
  '{}',
  '[]',
  '{"settings":{}}',
  '0191',
  '91a568',
]
