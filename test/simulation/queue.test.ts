import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Clock } from '../../lib/clock.ts'
import { createEngine } from '../../lib/engine.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { poll } from '../../lib/receive/poll.ts'
import { dynamodbStore } from '../../lib/store/dynamodb/dynamodb-store.ts'
import { memoryStore } from '../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../lib/store/port.ts'
import { type EmbeddedTable, embeddedTable, noEmbedded } from '../support/embedded.ts'
import { hastyClock, START } from '../support/manual-clock.ts'
import fc from '../support/properties.ts'
import { restartedDisk } from '../support/restarted-disk.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { anyCommands, type Real } from './queue-commands.ts'
import { isSpent, isThere, type QueueModel } from './queue-model.ts'

const MAX_RECEIVES = 3

interface Opened {
  readonly store: Store
  /** Another process takes over. */
  restart?(): Promise<void>
  close?(): Promise<void>
}

/** The engine and the model answer all commands alike. Afterwards every message is accounted for. */
const holds = (
  open: (clock: Clock) => Promise<Opened>,
  options: { maxCommands: number; deadLetter: boolean; numRuns: number; grouped?: boolean },
) =>
  fc.assert(
    fc.asyncProperty(
      anyCommands({ grouped: false, ...options, expiring: !options.deadLetter }),
      fc.nat(),
      async (commands, seed) => {
        const clock = hastyClock()
        const { store, restart, close } = await open(clock)
        // All processes draw from one sequence, so that no two draw the same tokens.
        const random = seededRandom(seed)
        const newEngine = () => createEngine({ store, clock, random })
        const queue = `orders-${randomUUID()}`
        const deadLetterQueue = `${queue}-dead`
        const real: Real = {
          queue,
          deadLetterQueue,
          engine: newEngine(),
          advance: clock.advance,
          restart: async () => {
            await restart?.()
            real.engine = newEngine()
          },
        }
        await createQueue(real.engine, deadLetterQueue)
        const deadLetter = { queue: deadLetterQueue, maxReceives: MAX_RECEIVES }
        const settings = { priorities: 2, ...(options.deadLetter && { deadLetter }) }
        await createQueue(real.engine, queue, { settings })
        const model: QueueModel = {
          now: START,
          maxReceives: options.deadLetter ? MAX_RECEIVES : Number.POSITIVE_INFINITY,
          messages: [],
          deliveries: [],
        }
        await fc.asyncModelRun(() => ({ model, real }), commands)
        await settleAccounts(model, real)
        await close?.()
      },
    ),
    { numRuns: options.numRuns },
  )

/** Receives every message that is left: in the queue, or in the dead-letter queue after exactly the maximum of receives. */
const settleAccounts = async (model: QueueModel, { engine, advance, queue, deadLetterQueue }: Real): Promise<void> => {
  advance(61_000)
  model.now += 61_000
  const there = model.messages.filter((message) => isThere(model, message))
  const spent = there.filter((message) => isSpent(model, message)).map(({ id }) => id)
  const idsOf = async (name: string): Promise<string[]> => {
    const ids: string[] = []
    for (;;) {
      const messages = await poll(engine, name, { maxMessages: 25, visibilityTimeoutSeconds: 1_000 })
      if (messages.length === 0) return ids.sort()
      ids.push(...messages.map(({ messageId }) => messageId))
    }
  }
  expect(await idsOf(queue)).toEqual(
    there
      .map(({ id }) => id)
      .filter((id) => !spent.includes(id))
      .sort(),
  )
  expect(await idsOf(deadLetterQueue)).toEqual(spent.sort())
}

describe('a queue in memory', () => {
  test('answers any commands as the model does', () =>
    holds(async (clock) => ({ store: memoryStore({ clock }) }), { maxCommands: 60, deadLetter: false, numRuns: 200 }))
  test('with a dead-letter queue answers any commands as the model does', () =>
    holds(async (clock) => ({ store: memoryStore({ clock }) }), { maxCommands: 60, deadLetter: true, numRuns: 200 }))
  test.each([false, true])(
    'with message groups answers any commands as the model does (dead letters: %s)',
    (deadLetter) =>
      holds(async (clock) => ({ store: memoryStore({ clock }) }), {
        maxCommands: 60,
        deadLetter,
        grouped: true,
        numRuns: 200,
      }),
  )
})

describe('a queue on disk, whose process is ended and started again', () => {
  const onDisk = (clock: Clock) => restartedDisk({ clock })
  test('answers any commands as the model does', () =>
    holds(onDisk, { maxCommands: 60, deadLetter: false, numRuns: 20 }))
  test('with a dead-letter queue answers any commands as the model does', () =>
    holds(onDisk, { maxCommands: 60, deadLetter: true, numRuns: 20 }))
  test('with message groups answers any commands as the model does', () =>
    holds(onDisk, { maxCommands: 60, deadLetter: true, grouped: true, numRuns: 20 }))
})

describe.skipIf(noEmbedded())('a queue on DynamoDB', () => {
  let table: EmbeddedTable
  beforeAll(async () => {
    table = await embeddedTable()
  })
  afterAll(() => table.close())

  test('answers any commands as the model does', () =>
    holds(async (clock) => ({ store: dynamodbStore({ ...table, clock }) }), {
      maxCommands: 40,
      deadLetter: false,
      numRuns: 15,
    }))
  test('with a dead-letter queue answers any commands as the model does', () =>
    holds(async (clock) => ({ store: dynamodbStore({ ...table, clock }) }), {
      maxCommands: 40,
      deadLetter: true,
      numRuns: 15,
    }))
  test.each([false, true])(
    'with message groups answers any commands as the model does (dead letters: %s)',
    (deadLetter) =>
      holds(async (clock) => ({ store: dynamodbStore({ ...table, clock }) }), {
        maxCommands: 40,
        deadLetter,
        grouped: true,
        numRuns: 15,
      }),
  )
})
