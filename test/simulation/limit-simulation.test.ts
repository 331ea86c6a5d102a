import { describe, expect, test } from 'vitest'
import { createEngine, type Engine } from '../../lib/engine.ts'
import { cancelMessage } from '../../lib/messages/messages.ts'
import { isHoldfastError } from '../../lib/model/errors.ts'
import { fairGroupHash, groupPartition } from '../../lib/model/group.ts'
import { liveAt } from '../../lib/model/segment.ts'
import { publish } from '../../lib/publish/publish.ts'
import { createQueue } from '../../lib/queues/queues.ts'
import { poll } from '../../lib/receive/poll.ts'
import { ack } from '../../lib/settle/ack.ts'
import { extend } from '../../lib/settle/extend.ts'
import { nack } from '../../lib/settle/nack.ts'
import { memoryStore } from '../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../lib/store/port.ts'
import { type Fate, faultyStore } from '../support/faulty-store.ts'
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts'
import { type Simulation, simulation } from '../support/simulation.ts'

const QUEUE = 'orders'
const LIMIT = 3
const GROUPS = ['red', 'green']
const WORK_MS = 60_000
const DRAIN_MS = 180_000
const CLOCKS_OFF_MS = 20_000
/** Longer than leases and than any lock would last. */
const PAUSE_MS = 40_000

interface World {
  readonly time: Simulation
  readonly random: SeededRandom
  readonly store: Store
  newEngine(): Engine
  calm: boolean
  readonly published: Set<string>
  readonly gone: Set<string>
}

const passing = (error: unknown) => {
  const expected = ['MessageNotFound', 'OperationInProgress']
  if (!isHoldfastError(error) || !(error.retryable || expected.includes(error.code))) throw error
}

const newWorld = async (seed: number): Promise<World> => {
  const random = seededRandom(seed)
  const time = simulation(random)
  const store = memoryStore({ clock: time.clock() })
  await createQueue(createEngine({ store, clock: time.clock(), random }), QUEUE, {
    settings: { maxInFlightPerGroup: LIMIT },
  })
  const world: World = {
    time,
    random,
    store,
    calm: false,
    published: new Set(),
    gone: new Set(),
    newEngine: () => {
      // A process may be paused at any request for longer than leases last, and its request arrive then.
      const onTheWay = () =>
        time.sleep(!world.calm && random.chance(0.03) ? random.whole(1_000, PAUSE_MS) : random.whole(1, 20))
      const fateOf = async (): Promise<Fate> => {
        await onTheWay()
        if (world.calm) return 'done'
        const lot = random.fraction()
        return lot < 0.02 ? 'unanswered' : lot < 0.04 ? 'repeated' : lot < 0.06 ? 'refused' : 'done'
      }
      return createEngine({
        store: faultyStore(store, { fateOf, answering: onTheWay }),
        clock: time.clock(random.whole(-CLOCKS_OFF_MS, CLOCKS_OFF_MS)),
        random: seededRandom(random.whole(0, 2 ** 31)),
      })
    },
  }
  return world
}

const publisher = async (world: World, until: number): Promise<void> => {
  const { time, random } = world
  const engine = world.newEngine()
  while (time.now() < until) {
    const messages = Array.from({ length: random.whole(1, 8) }, () => ({ body: 'x', groupId: random.oneOf(GROUPS) }))
    try {
      for (const result of await publish(engine, QUEUE, messages))
        if ('messageId' in result) world.published.add(result.messageId)
    } catch (error) {
      passing(error)
    }
    await time.sleep(random.whole(100, 3_000))
  }
}

const consumer = async (world: World, until: number): Promise<void> => {
  const { time, random } = world
  const engine = world.newEngine()
  while (time.now() < until) {
    try {
      const visibilityTimeoutSeconds = random.whole(0, 8)
      const messages = await poll(engine, QUEUE, { maxMessages: random.oneOf([1, 5, 25]), visibilityTimeoutSeconds })
      await Promise.all(messages.map((message) => handle(world, engine, message)))
    } catch (error) {
      passing(error)
    }
    await time.sleep(random.whole(1, 300))
  }
}

const handle = async (
  world: World,
  engine: Engine,
  { receiptHandle, messageId }: { receiptHandle: string; messageId: string },
) => {
  const { time, random } = world
  const acked = async () => {
    const [result] = await ack(engine, QUEUE, [receiptHandle])
    if (result?.ok) world.gone.add(messageId)
  }
  await time.sleep(random.whole(0, world.calm ? 100 : 10_000))
  const way = world.calm ? 0 : random.whole(0, 5)
  if (way <= 1) await acked()
  if (way === 2) await nack(engine, QUEUE, [{ receiptHandle, delaySeconds: random.whole(0, 3) }])
  if (way === 3) {
    await extend(engine, QUEUE, [{ receiptHandle, visibilityTimeoutSeconds: random.whole(0, 20) }])
    await time.sleep(random.whole(0, 10_000))
    await acked()
  }
  if (way === 4) {
    await cancelMessage(engine, QUEUE, messageId).then(() => world.gone.add(messageId))
  }
}

/** Goes on all the time, below everything that fails. */
const watch = async ({ time, store }: World, until: number, watching: Engine): Promise<string[]> => {
  const found: string[] = []
  const queue = await watching.queues.get(QUEUE)
  while (time.now() < until) {
    for (const group of GROUPS) {
      const partition = groupPartition(queue, fairGroupHash(group))
      const { segments } = await store.headers({ partition, from: '0', to: '~', limit: 10_000, consistent: true })
      const now = time.now()
      const live = segments.flatMap(({ slots }) => slots).filter((slot) => slot.kind === 'lease' && liveAt(slot, now))
      if (live.length > LIMIT && found.length < 3) found.push(`${live.length} of ${group} in flight at ${now}`)
    }
    await time.sleep(5)
  }
  return found
}

const simulate = async (seed: number): Promise<string[]> => {
  const world = await newWorld(seed)
  const { time } = world
  const start = time.now()
  const play = async () => {
    const until = start + WORK_MS
    const watching = watch(world, start + WORK_MS + PAUSE_MS, createEngine({ store: world.store, clock: time.clock() }))
    await Promise.all([publisher(world, until), ...Array.from({ length: 5 }, () => consumer(world, until))])
    world.calm = true
    await Promise.all([consumer(world, start + DRAIN_MS), consumer(world, start + DRAIN_MS)])
    const left = [...world.published].filter((messageId) => !world.gone.has(messageId))
    return [...(await watching), ...(await stillThere(world, left))]
  }
  return time.run(play())
}

/** Acks whose answers were lost took their messages all the same. */
const stillThere = async ({ store, time }: World, left: readonly string[]): Promise<string[]> => {
  const queue = await createEngine({ store, clock: time.clock() }).queues.get(QUEUE)
  const pages = await Promise.all(
    GROUPS.map((group) =>
      store.headers({ partition: groupPartition(queue, fairGroupHash(group)), from: '0', to: '~', limit: 10_000 }),
    ),
  )
  const slots = pages.flatMap(({ segments }) => segments.flatMap((segment) => segment.slots))
  const waiting = slots.filter(({ kind }) => kind !== 'gone').length
  return waiting > 0 ? [`${waiting} messages were not received, ${left.length} not known to be gone`] : []
}

/** `HOLDFAST_SIMULATIONS=1000 npm test -- test/simulation/limit` looks further. */
const SEEDS = Array.from({ length: Number(process.env.HOLDFAST_SIMULATIONS ?? 15) }, (_, n) => n + 1)

describe('with pollers that are paused for longer than leases last, and clocks that differ by seconds', () => {
  test.each(SEEDS)('no more of a group are in flight than its limit, and all are received (seed %i)', async (seed) => {
    expect(await simulate(seed)).toEqual([])
  })
})
