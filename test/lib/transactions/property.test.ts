import { expect, test } from 'vitest'
import { getMessage } from '../../../lib/messages/get-message.ts'
import { HoldfastError, isHoldfastError } from '../../../lib/model/errors.ts'
import type { Message, NewMessage } from '../../../lib/model/message.ts'
import { DEFAULT_FIFO } from '../../../lib/model/queue-settings.ts'
import { segmentId } from '../../../lib/model/segment-key.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { extend } from '../../../lib/settle/extend.ts'
import type { JointCommits, JointOutcome } from '../../../lib/store/joint.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store, Write } from '../../../lib/store/port.ts'
import { storeCommits } from '../../../lib/transactions/store-commits.ts'
import { engineTransaction } from '../../../lib/transactions/transaction.ts'
import { hastyClock } from '../../support/manual-clock.ts'
import fc from '../../support/properties.ts'
import { type TestEngine, testEngine } from '../../support/test-engine.ts'

/** `resent`: the client below sends it twice, and the first arrives late. */
type Fate = 'done' | 'unanswered' | 'broken' | 'late' | 'resent' | 'conflict' | 'throttled'
type Interference =
  | 'none'
  | 'heartbeat'
  | 'publish'
  | 'purge'
  | 'ack'
  | 'overtake'
  | 'a second'
  | 'six seconds'
  | 'ten minutes'

const QUEUES = ['plain', 'results', 'fair', 'once.fifo', 'groups.fifo'] as const
type QueueName = (typeof QUEUES)[number]

interface Plan {
  readonly acks: readonly { readonly queue: QueueName; readonly message: number }[]
  readonly publishes: readonly { readonly queue: QueueName; readonly message: Omit<NewMessage, 'body'> }[]
  readonly steps: readonly { readonly fate: Fate; readonly interference: Interference }[]
  readonly strict: boolean
  readonly withId: boolean
  /** Whether the caller's own condition holds. */
  readonly holds: boolean
}

const messageFor = (queue: QueueName): fc.Arbitrary<Omit<NewMessage, 'body'>> => {
  const group = fc.constantFrom('a', 'b').map((groupId) => ({ groupId }))
  const id = fc.option(fc.constantFrom('one', 'two'), { nil: undefined })
  const withId = id.map((deduplicationId) => (deduplicationId === undefined ? {} : { deduplicationId }))
  const ttl = fc.constantFrom({}, { timeToLiveSeconds: 900 })
  switch (queue) {
    case 'fair':
      return fc.tuple(group, withId, ttl).map((parts) => Object.assign({}, ...parts))
    case 'once.fifo':
    case 'groups.fifo':
      return fc.tuple(group, ttl).map((parts) => Object.assign({}, ...parts))
    default:
      return fc
        .tuple(withId, ttl, fc.constantFrom({}, { delaySeconds: 5 }, { priority: 1 }))
        .map((parts) => Object.assign({}, ...parts))
  }
}

const PLAN: fc.Arbitrary<Plan> = fc.record({
  acks: fc.oneof(
    fc.constant([]),
    fc.array(fc.record({ queue: fc.constantFrom(...QUEUES), message: fc.nat(5) }), { maxLength: 8 }),
  ),
  publishes: fc.array(
    fc.constantFrom(...QUEUES).chain((queue) => messageFor(queue).map((message) => ({ queue, message }))),
    { maxLength: 40 },
  ),
  steps: fc.array(
    fc.record({
      fate: fc.constantFrom<Fate>('done', 'unanswered', 'broken', 'late', 'late', 'resent', 'conflict', 'throttled'),
      interference: fc.constantFrom<Interference>(
        'none',
        'publish',
        'six seconds',
        'heartbeat',
        'publish',
        'purge',
        'ack',
        'overtake',
        'a second',
        'six seconds',
        'ten minutes',
      ),
    }),
    { maxLength: 6 },
  ),
  strict: fc.boolean(),
  withId: fc.boolean(),
  holds: fc.boolean(),
})

/** The one item that a write is to, as the table names it. */
const itemOf = (write: Write): string => {
  switch (write.kind) {
    case 'insert':
      return `s ${segmentId(write.insert.segment.key)}`
    case 'change':
      return `s ${segmentId(write.change.key)}`
    case 'advance':
    case 'touch':
      return `t ${write.key.partition.queue} ${write.key.partition.shard} ${write.key.group}`
    default:
      return `d ${write.key.partition} ${write.key.sort}`
  }
}

type Prepared = Parameters<JointCommits['send']>[0]

/**
 * A database that knows the tokens of what was done, as DynamoDB does, and not of what was canceled. Counts what is done of the
 * caller's entry.
 */
const database = (store: Store, plan: Plan, interfere: (kind: Interference) => Promise<void>) => {
  const inner = storeCommits(store)
  const done = new Set<string>()
  const late: (() => Promise<unknown>)[] = []
  let effects = 0
  let sendings = 0
  const perform = async (prepared: Prepared, token: string, holds = plan.holds): Promise<JointOutcome> => {
    if (done.has(token)) return { kind: 'applied' }
    const outcome: JointOutcome = holds
      ? await inner.send(prepared, token)
      : { kind: 'canceled', failures: [{ action: prepared.writes.length, cause: 'condition' }], resent: false }
    if (outcome.kind === 'applied') {
      effects++
      done.add(token)
    }
    return outcome
  }
  /** By then the caller's condition holds, whatever it did before. */
  const performLate = (prepared: Prepared, token: string) => perform(prepared, token, true)
  const lost: JointOutcome = { kind: 'unknown', error: new HoldfastError('StoreUnavailable', 'lost by the test') }
  const commits: JointCommits = {
    repeatable: true,
    prepare: (writes) => {
      const items = writes.map(itemOf)
      expect(items.filter((item, position) => items.indexOf(item) !== position)).toEqual([])
      return inner.prepare(writes)
    },
    send: async (prepared, token) => {
      const { fate = 'done', interference = 'none' } = plan.steps[sendings++] ?? {}
      await interfere(interference)
      switch (fate) {
        case 'done':
          return perform(prepared, token)
        case 'unanswered':
          await perform(prepared, token)
          return lost
        case 'broken':
          return lost
        case 'late':
          late.push(() => performLate(prepared, token))
          return lost
        case 'resent': {
          late.push(() => performLate(prepared, token))
          const outcome = await perform(prepared, token)
          return outcome.kind === 'canceled' ? { ...outcome, resent: true } : outcome
        }
        default:
          return { kind: 'canceled', failures: [{ action: 0, cause: fate }], resent: false }
      }
    },
  }
  return {
    commits,
    effects: () => effects,
    deliverLate: async () => {
      for (const deliver of late) await deliver()
    },
  }
}

const fill = async (engine: TestEngine): Promise<Map<QueueName, Message[]>> => {
  const held = new Map<QueueName, Message[]>()
  for (const queue of QUEUES) {
    const fifo = { fifo: { ...DEFAULT_FIFO, contentBasedDeduplication: queue === 'once.fifo' } }
    const settings = {
      ...(queue.endsWith('.fifo') ? fifo : { priorities: 2 }),
      ...(queue === 'results' && { results: { retentionSeconds: 600 } }),
    }
    await createQueue(engine, queue, { settings })
    const grouped = queue.endsWith('.fifo') || queue === 'fair'
    for (let batch = 0; batch < 2; batch++) {
      const messages = [0, 1, 2].map((n) => ({
        body: `${queue} ${batch} ${n}`,
        ...(grouped && { groupId: batch === 0 ? 'a' : 'b' }),
        ...(queue === 'groups.fifo' && { deduplicationId: `first-${batch}-${n}` }),
      }))
      await publish(engine, queue, messages)
    }
    const messages: Message[] = []
    while (messages.length < 6) messages.push(...(await poll(engine, queue, { maxMessages: 3 })))
    held.set(queue, messages)
  }
  return held
}

const isThere = async (engine: TestEngine, queue: string, messageId: string): Promise<boolean> => {
  try {
    await getMessage(engine, queue, messageId)
    return true
  } catch (error) {
    if (isHoldfastError(error, 'MessageNotFound')) return false
    throw error
  }
}

/** What may be thrown when nothing was done. */
const NOTHING_DONE = ['TransactionCanceled', 'Throttled', 'StoreUnavailable', 'InvalidRequest', 'QueueNotFound']

test('of a transaction either all is done or nothing, once, whatever comes between and whatever is lost', async () => {
  const seen = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(PLAN, async (plan) => {
      const clock = hastyClock()
      const store = memoryStore({ clock })
      const engine = testEngine({ clock: clock as never, store })
      const held = await fill(engine)
      const acked = [...new Set(plan.acks.map(({ queue, message }) => `${queue} ${message}`))].map((text) => {
        const [queue = '', message] = text.split(' ')
        return { queue, message: held.get(queue as QueueName)?.[Number(message)] as Message }
      })
      let purged = false
      let ackedByOthers = false
      const other = testEngine({ clock: clock as never, store, seed: 7 })
      let others = 0
      const interfere = async (kind: Interference): Promise<void> => {
        const [first] = acked
        const handle = first?.message.receiptHandle ?? ''
        if (kind === 'heartbeat' && first)
          await extend(other, first.queue, [{ receiptHandle: handle, visibilityTimeoutSeconds: 60 }])
        if (kind === 'publish')
          for (const queue of QUEUES)
            await publish(other, queue, [
              {
                body: `other ${others++}`,
                ...(queue !== 'plain' && queue !== 'results' && { groupId: 'a' }),
                ...(queue === 'groups.fifo' && { deduplicationId: `other-${others}` }),
              },
            ])
        if (kind === 'purge') {
          purged = true
          for (const queue of QUEUES) await purgeQueue(other, queue).catch(() => {})
        }
        if (kind === 'ack' && first) {
          ackedByOthers = true
          await ack(other, first.queue, [handle])
        }
        if (kind === 'overtake') {
          clock.advance(31_000)
          for (const { queue } of acked) await poll(other, queue, { maxMessages: 10 })
        }
        if (kind === 'a second') clock.advance(1_000)
        if (kind === 'six seconds') clock.advance(6_000)
        if (kind === 'ten minutes') clock.advance(600_000)
      }
      const tx = engineTransaction(engine, { strict: plan.strict, ...(plan.withId && { transactionId: 'work' }) })
      for (const { queue, message } of acked) tx.ack({ queue, receiptHandle: message.receiptHandle })
      const published = plan.publishes.map(({ queue, message }, n) => ({
        queue,
        message: { body: n, ...message, ...(queue === 'groups.fifo' && { deduplicationId: `new-${n}` }) },
      }))
      for (const one of published) tx.publish(one)
      const there = async () =>
        Promise.all(acked.map(({ queue, message }) => isThere(engine, queue, message.messageId)))
      const before = await there()
      const db = database(store, plan, interfere)

      const outcome = await tx.commit(db.commits).catch((error: unknown) => error)
      const code = isHoldfastError(outcome) ? outcome.code : 'committed'
      if (outcome instanceof Error && !isHoldfastError(outcome)) throw outcome
      seen.set(code, (seen.get(code) ?? 0) + 1)
      if (code === 'committed') {
        expect(db.effects()).toBe(1)
        await db.deliverLate()
        expect(db.effects()).toBe(1)
        expect(await there()).toEqual(acked.map(() => false))
        const { published: sent } = outcome as Awaited<ReturnType<typeof tx.commit>>
        expect(sent).toHaveLength(published.length)
        for (const [n, { messageId }] of sent.entries()) {
          if (!purged) expect(await isThere(engine, published[n]?.queue ?? '', messageId)).toBe(true)
        }
      } else if (code === 'OutcomeUnknown') {
        await db.deliverLate()
        expect(db.effects()).toBeLessThanOrEqual(1)
        expect(plan.withId && (plan.acks.length > 0 || plan.publishes.length > 0)).toBe(false)
      } else {
        expect(NOTHING_DONE).toContain(code)
        expect(db.effects()).toBe(0)
        await db.deliverLate()
        expect(db.effects()).toBe(0)
        if (!ackedByOthers && !purged) expect(await there()).toEqual(before)
      }
    }),
    { numRuns: 300 },
  )
  for (const code of ['committed', 'OutcomeUnknown', 'TransactionCanceled'])
    expect([code, (seen.get(code) ?? 0) > 5]).toEqual([code, true])
})
