import { createEngine } from '../../lib/engine.ts'
import { type GivenTrigger, setTrigger } from '../../lib/triggers/trigger.ts'
import { tick, wake } from '../../lib/triggers/wake.ts'
import { passing } from './actors/employ.ts'
import type { RandomStream } from './random-stream.ts'
import { type SimulatedFunction, simulatedFunction } from './trigger-function.ts'
import { runStarter, type StartRun } from './trigger-runs.ts'
import type { World } from './world.ts'
import { queueName, type TriggerSettings } from './world-settings.ts'

export const DEFAULT_TRIGGER = { batchSize: 4, batchingWindowSeconds: 0, functionTimeoutSeconds: 10 }
const TICK_MS = 60_000

/** A trigger at work: its function, the runs of its dispatcher, and the wakes and ticks that start them. */
export interface Triggering {
  readonly function: SimulatedFunction
  readonly startRun: StartRun
  /** From now on inserts wake the dispatcher, and it is ticked. */
  begin(): void
  /** From now on neither the function nor what starts runs fails. */
  calm(): void
  /** Resolves when the last tick has ended. */
  end(): Promise<void>
}

/** Gives the queue a trigger. */
export const startTriggering = async (
  world: World,
  trigger: TriggerSettings,
  filter: Pick<GivenTrigger, 'filter' | 'unmatched'> = {},
): Promise<Triggering> => {
  const { scheduler, settings, store } = world
  let [calm, begun, ticking] = [false, false, true]
  const simulated = simulatedFunction(
    scheduler,
    () => (calm ? {} : (trigger.faults ?? {})),
    (run, what) => {
      const bodies = run.messages.map(({ body, receiveCount }) => `${body} (receive ${receiveCount})`).join(', ')
      world.story?.note(scheduler.now(), 'function', `${what}, run by ${run.by}: ${bodies}`)
      if (what === 'starts') world.coverage.feature('trigger')
    },
  )
  const { maxConcurrency, batchSize, batchingWindowSeconds, functionTimeoutSeconds } = {
    ...DEFAULT_TRIGGER,
    ...trigger,
  }
  await setTrigger(createEngine({ store, clock: scheduler.clock, random: world.randomNamed(0) }), {
    queue: queueName(settings),
    functionName: 'function',
    maxConcurrency,
    batchSize,
    batchingWindowSeconds,
    functionTimeoutSeconds,
    ...filter,
  })
  const startRun = runStarter(world, simulated, () => (calm || !begun ? 0 : (trigger.startsLost ?? 0)))
  let ticks = Promise.resolve()
  return {
    function: simulated,
    startRun,
    begin: () => {
      begun = true
      feedStream(world, startRun, () => (calm ? 0 : (trigger.wakesOdd ?? 0)))
      ticks = tickAgainAndAgain(world, trigger.tickEveryMs ?? TICK_MS, startRun, () => ticking)
      world.aside(ticks)
    },
    calm: () => {
      calm = true
    },
    end: () => {
      ticking = false
      return ticks
    },
  }
}

/** The time in which the stream passes on a record, and the maximum extra time. */
const STREAM_MS = [100, 600] as const
const STREAM_LATE_MS = 8_000
const STREAM_RETRY_MS = 1_000

/** Passes on each insert at least once, in order of arrival. A record whose delivery failed or died is passed on again. */
const feedStream = (world: World, startRun: (random: RandomStream) => Promise<void>, oddness: () => number): void => {
  const { scheduler, observer, settings } = world
  const queue = queueName(settings)
  let records = 0
  const handOver = async (key: Parameters<typeof wake>[1][number], name: string): Promise<void> => {
    for (;;) {
      const actor = world.newActor(name)
      world.begin(actor, false)
      const random = world.randomOf(actor, 0)
      const woken = wake(actor.process.engine, [key], { startRun: () => startRun(random) }).then(
        () => true,
        (error: unknown) => {
          passing(error)
          return false
        },
      )
      if (await Promise.race([woken, actor.process.killed.then(() => false)])) return
      await scheduler.sleep(STREAM_RETRY_MS)
    }
  }
  observer.onInsert(({ segment }, again) => {
    if (again || segment.key.partition.queue !== queue) return
    const name = `wake-${++records}`
    const random = world.randomNamed(records)
    const isOdd = random.chance(oddness())
    const isTwice = isOdd && random.chance(0.5)
    const afterMs =
      random.whole(...(settings.trigger?.streamMs ?? STREAM_MS)) + (isOdd ? random.whole(0, STREAM_LATE_MS) : 0)
    const hand = () => world.aside(handOver(segment.key, name))
    scheduler.after(afterMs, hand)
    if (isTwice) scheduler.after(random.whole(0, STREAM_LATE_MS), hand)
  })
}

const tickAgainAndAgain = async (
  world: World,
  everyMs: number,
  startRun: StartRun,
  ticking: () => boolean,
): Promise<void> => {
  for (let count = 1; ticking(); count++) {
    await world.scheduler.sleep(everyMs)
    const actor = world.newActor(`tick-${count}`)
    world.begin(actor, false)
    const random = world.randomOf(actor, 0)
    // No sweeps: they would make up for what a run forgot.
    const ticked = tick(actor.process.engine, { startRun: () => startRun(random) })
    await Promise.race([ticked.catch(passing), actor.process.killed])
  }
}
