import { createEngine } from '../../lib/engine.ts'
import { bodyText } from '../../lib/model/message.ts'
import { dispatch } from '../../lib/triggers/run.ts'
import { setTrigger } from '../../lib/triggers/trigger.ts'
import { tick, wake } from '../../lib/triggers/wake.ts'
import { employ, passing } from './actors/employ.ts'
import { publisher } from './actors/publisher.ts'
import { changeAtRest, settingsChanger } from './actors/settings-changer.ts'
import { nothingFromPaused } from './promises/pauses.ts'
import type { RandomStream } from './random-stream.ts'
import { watchFilter } from './trigger-filter.ts'
import { type FunctionRun, type SimulatedFunction, simulatedFunction } from './trigger-function.ts'
import type { Actor, World } from './world.ts'
import { queueName, type TriggerSettings } from './world-settings.ts'

const DEFAULT_TRIGGER = { batchSize: 4, batchingWindowSeconds: 0, functionTimeoutSeconds: 10 }
/** Far shorter than Lambda's 15 minutes, so that histories have hand-overs. */
const RUN_MS = 90_000
const TICK_MS = 60_000
const FIRST_RUN_MS = 20_000
/** Twice the sum of a tick and its run, the time that a dead run's slots and leases last, and the delay of a late answer. */
const DELIVERED_WITHIN_MS = 400_000

/**
 * Publishers publish. The table's stream sends wakes. Runs of the dispatcher are started, killed and paused, and hand over to
 * other runs. The function runs, fails, hangs and is throttled. Afterwards nothing fails, and all is delivered within minutes.
 *
 * Promises:
 * - at most `maxConcurrency` invocations run at one time, and no message is in two of them;
 * - a message leaves the queue only after an invocation that worked on it has succeeded;
 * - while nothing kills runs or loses answers, the first delivery of a message is its first receive;
 * - every published message that a pattern matches is delivered, and the queue is empty in the end, even if it was paused;
 * - no run claims a message of a paused queue once it must have read the pause;
 * - the promises of filters in `watchFilter`.
 */
export const playTriggers = async (world: World, trigger: TriggerSettings): Promise<string[]> => {
  const { scheduler, settings, spans, history } = world
  const found: string[] = []
  const failures: unknown[] = []
  const fail = (error: unknown) => void failures.push(error)
  const queue = queueName(settings)
  let calm = false
  let begun = false
  const simulated = simulatedFunction(
    scheduler,
    () => (calm ? {} : (trigger.faults ?? {})),
    (run, what) => {
      const bodies = run.messages.map(({ body, receiveCount }) => `${body} (receive ${receiveCount})`).join(', ')
      world.story?.note(scheduler.now(), 'function', `${what}, run by ${run.run}: ${bodies}`)
      if (what !== 'starts') return
      world.coverage.feature('trigger')
      history.received(queue, run.messages, { startedAt: run.startedAt, endedAt: run.startedAt, leaseMs: 0 })
      judgeStart(simulated.runs, run, trigger.maxConcurrency, found)
    },
  )
  if (trigger.throttledMs !== undefined) simulated.throttleUntil(scheduler.now() + trigger.throttledMs)
  const { maxConcurrency, batchSize, batchingWindowSeconds, functionTimeoutSeconds } = {
    ...DEFAULT_TRIGGER,
    ...trigger,
  }
  const setup = createEngine({ store: world.store, clock: scheduler.clock, random: world.randomNamed(0) })
  const filter = await watchFilter(world, trigger)
  await setTrigger(setup, {
    queue,
    functionName: 'function',
    maxConcurrency,
    batchSize,
    batchingWindowSeconds,
    functionTimeoutSeconds,
    ...filter.settings,
  })
  await filter.begin()
  const started = dispatchers(world, simulated, fail, () => (calm || !begun ? 0 : (trigger.startsLost ?? 0)))
  // Handles the wake of the new trigger here, since a later tick for it would also make up for lost wakes.
  await tick(setup, { startRun: () => started.startRun(world.randomNamed(0)) })
  await scheduler.sleep(FIRST_RUN_MS)
  begun = true
  feedStream(world, started.startRun, fail, () => (calm ? 0 : (trigger.wakesOdd ?? 0)))
  let ticking = true
  const ticks = tickEveryMinute(world, started.startRun, () => ticking)

  const endAt = scheduler.now() + spans.workMs
  const { publishers } = settings.cast
  await Promise.all([
    ...Array.from({ length: publishers }, (_, n) => employ(world, `publisher-${n + 1}`, endAt, publisher)),
    ...(settings.changes ? [employ(world, 'settings-changer', endAt, settingsChanger)] : []),
  ])
  world.calm()
  calm = true
  await changeAtRest(world)
  world.story?.note(scheduler.now(), '', 'nothing fails any more')
  await scheduler.sleep(DELIVERED_WITHIN_MS)
  ticking = false
  await ticks

  if (failures.length > 0) throw failures[0]
  const succeeded = new Set(simulated.runs.flatMap((run) => run.succeeded))
  for (const { body, answer, timeToLiveSeconds } of history.publishes.values()) {
    if (
      answer &&
      timeToLiveSeconds === undefined &&
      filter.wants(answer.messageId) &&
      !succeeded.has(answer.messageId)
    ) {
      found.push(`${body} (${answer.messageId}) was published, and no invocation that worked on it succeeded`)
    }
  }
  for (const [partition, segments] of world.observer.partitions()) {
    for (const { key, slots } of segments.values()) {
      if (key.partition.queue !== filter.target && slots.some(({ kind }) => kind !== 'gone'))
        found.push(`in ${partition} there is still ${key.sort}`)
    }
  }
  found.push(...filter.violations(simulated.runs))
  if (isHarmless(world, trigger)) found.push(...laterReceives(simulated.runs))
  if (nothingFromPaused.madeFor?.(settings)) found.push(...nothingFromPaused.violations(history, settings))
  const delayed = trigger.throttledMs ?? trigger.targetMissingMs ?? settings.changes
  if (isHarmless(world, trigger) && delayed === undefined) found.push(...lateStarts(world, simulated.runs))
  if (settings.kind === 'fifo') found.push(...passedOver(simulated.runs))
  return found
}

/** Whether the world has no fault that may cost a receive. */
const isHarmless = ({ settings }: World, { faults = {}, startsLost = 0 }: TriggerSettings): boolean =>
  settings.faults === undefined && Object.keys(faults).length === 0 && startsLost === 0

const laterReceives = (runs: readonly FunctionRun[]): string[] =>
  runs.flatMap(({ messages }) =>
    messages
      .filter(({ receiveCount }) => receiveCount !== 1)
      .map(({ body, receiveCount }) => `${body} came with receive ${receiveCount}, though nothing failed`),
  )

/** The time for a run's start, its polls, and the messages before one: far less than a tick. */
const STARTS_WITHIN_MS = 30_000
/** A message without a wake waits for a tick. */
const TICKED_WITHIN_MS = 130_000

const lateStarts = ({ history, scheduler }: World, runs: readonly FunctionRun[]): string[] => {
  const startedAt = new Map<string, number>()
  for (const run of runs) for (const { messageId } of run.messages) startedAt.set(messageId, run.startedAt)
  return runs.flatMap(({ messages }) =>
    messages.flatMap(({ messageId, body, publishedAt, dueAt }) => {
      const within = dueAt - publishedAt > 5_000 ? TICKED_WITHIN_MS : STARTS_WITHIN_MS
      const lateMs = (startedAt.get(messageId) ?? scheduler.now()) - dueAt
      return lateMs > within ? [`${body} came ${lateMs} ms after it was due, among ${history.publishes.size}`] : []
    }),
  )
}

/** Messages of a group behind a failed one of the same batch that do not come again, although they do not count as done. */
const passedOver = (runs: readonly FunctionRun[]): string[] =>
  runs.flatMap((run, position) => {
    const failedGroups = new Set<string | undefined>()
    return run.messages.flatMap(({ messageId, groupId, body }) => {
      const isBehind = failedGroups.has(groupId)
      if (!run.succeeded.includes(messageId)) failedGroups.add(groupId)
      const comesAgain = runs.slice(position + 1).some((later) => later.succeeded.includes(messageId))
      return isBehind && !comesAgain ? [`${body}, behind a failed message of its group, did not come again`] : []
    })
  })

const judgeStart = (runs: readonly FunctionRun[], run: FunctionRun, maxConcurrency: number, found: string[]): void => {
  const underWay = runs.filter(({ endedAt }) => endedAt === Number.POSITIVE_INFINITY)
  if (underWay.length > maxConcurrency) {
    found.push(`${underWay.length} invocations run at ${run.startedAt}, and ${maxConcurrency} may`)
  }
  const ids = new Set(run.messages.map(({ messageId }) => messageId))
  for (const other of underWay) {
    if (other === run) continue
    const both = other.messages.find(({ messageId }) => ids.has(messageId))
    if (both) found.push(`${both.body} is in two invocations at ${run.startedAt}`)
  }
}

/** Time between the start of a run and its first step. */
const START_MS = [20, 1_500] as const

const dispatchers = (
  world: World,
  simulated: SimulatedFunction,
  fail: (error: unknown) => void,
  startsLost: () => number,
) => {
  const { scheduler, settings, story } = world
  let count = 0
  /** @param random the numbers of the actor that starts the run */
  const startRun = async (random: RandomStream): Promise<void> => {
    const startMs = random.whole(...START_MS)
    if (random.chance(startsLost())) return
    scheduler.after(startMs, () => void runOnce().catch((error: unknown) => fail(error)))
  }
  const runOnce = async (): Promise<void> => {
    const actor = world.newActor(`dispatcher-${++count}`)
    world.begin(actor, false)
    const { engine } = actor.process
    let invocations = 0
    story?.note(scheduler.now(), actor.name, 'begins')
    const run = dispatch(engine, {
      queue: queueName(settings),
      endsAt: engine.clock.now() + RUN_MS,
      invoker: {
        fitting: async (_, messages) => messages.length,
        records: async (_, messages) => messages.map(({ body }) => ({ body: bodyText(body) })),
        invoke: async (trigger, messages) => {
          const random = world.randomOf(actor, ++invocations)
          const outcome = await simulated.invoke(actor.name, trigger, messages, random)
          // Once the process is killed, nothing of the run goes on.
          if (!actor.process.isAlive()) await new Promise(() => {})
          return outcome
        },
      },
      startRun: () => startRun(world.randomOf(actor, 0)),
    }).then(
      (end) => story?.note(scheduler.now(), actor.name, `ends: ${end}`),
      (error: unknown) => story?.note(scheduler.now(), actor.name, `ends: ${passing(error).code}`),
    )
    // Lambda cuts the run off, whatever the run waits for.
    const cutOff = scheduler.sleep(RUN_MS).then(() => actor.process.kill())
    await Promise.race([run, actor.process.killed, cutOff])
  }
  return { startRun }
}

/** The time in which the stream passes on a record, and the maximum extra time. */
const STREAM_MS = [100, 600] as const
const STREAM_LATE_MS = 8_000
const STREAM_RETRY_MS = 1_000

/** Passes on each insert at least once, in order of arrival. A record whose delivery failed or died is passed on again. */
const feedStream = (
  world: World,
  startRun: (random: RandomStream) => Promise<void>,
  fail: (error: unknown) => void,
  oddness: () => number,
): void => {
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
    const afterMs = random.whole(...STREAM_MS) + (isOdd ? random.whole(0, STREAM_LATE_MS) : 0)
    const hand = () => void handOver(segment.key, name).catch((error: unknown) => fail(error))
    scheduler.after(afterMs, hand)
    if (isTwice) scheduler.after(random.whole(0, STREAM_LATE_MS), hand)
  })
}

const tickEveryMinute = async (
  world: World,
  startRun: (random: RandomStream) => Promise<void>,
  ticking: () => boolean,
): Promise<void> => {
  const { scheduler } = world
  for (let count = 1; ticking(); count++) {
    await scheduler.sleep(TICK_MS)
    const actor: Actor = world.newActor(`tick-${count}`)
    world.begin(actor, false)
    const random = world.randomOf(actor, 0)
    // No sweeps: no other actor gives a message back here, and a sweep would make up for what a run forgot.
    const ticked = tick(actor.process.engine, { startRun: () => startRun(random) })
    await Promise.race([ticked.catch(passing), actor.process.killed])
  }
}
