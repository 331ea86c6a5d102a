import { liveAt, type Segment } from '../../lib/model/segment.ts'
import { counts } from '../../lib/queues/counts.ts'
import { consumer, deadLetterConsumer } from './actors/consumer.ts'
import { createAtRest, deleter, purger } from './actors/dropper.ts'
import { employ, several } from './actors/employ.ts'
import { operator } from './actors/operator.ts'
import { publisher } from './actors/publisher.ts'
import { redriver, undoer } from './actors/redriver.ts'
import { server } from './actors/server.ts'
import { changeAtRest, settingsChanger } from './actors/settings-changer.ts'
import { locker, transactor } from './actors/transactor.ts'
import { readStatus, watcher } from './actors/watcher.ts'
import { worker } from './actors/worker.ts'
import type { CoverageCounts } from './coverage.ts'
import { drainAll } from './drain.ts'
import { expected } from './drops.ts'
import { JUMP_MS } from './faults.ts'
import { featuresSeen } from './features.ts'
import { isEmpty, leftMessages, leftOver } from './left.ts'
import { watchLiveness } from './liveness.ts'
import { playTriggers } from './play-triggers.ts'
import { PROMISES } from './promises/all.ts'
import { finalStates, keptAtLeastMs } from './promises/results.ts'
import { startTriggering } from './triggering.ts'
import { newWorld, type World, type WorldOptions } from './world.ts'
import { queueName, queueNames, type WorldSettings } from './world-settings.ts'

export interface Violation {
  readonly promise: string
  readonly what: string
}

export interface HistoryResult {
  readonly violations: readonly Violation[]
  /** Hash of the trace. */
  readonly trace: string
  /** Requests to the store. */
  readonly operations: number
  readonly received: number
  readonly coverage: CoverageCounts
}

/**
 * Runs publishers, consumers and operators while requests and processes fail. Then stops the faults and empties the queues.
 * Returns the broken promises.
 */
export const runHistory = async (settings: WorldSettings, options: WorldOptions): Promise<HistoryResult> => {
  const world = await newWorld(settings, options)
  const violations = await world.scheduler.run(play(world))
  for (const { promise, what } of violations) world.story?.note(world.scheduler.now(), 'BROKEN', `${promise}: ${what}`)
  return {
    violations,
    trace: world.traceHash(),
    operations: world.operations(),
    received: world.history.deliveries.length,
    coverage: coverageOf(world),
  }
}

const coverageOf = ({ coverage, history, settings }: World): CoverageCounts => {
  for (const feature of featuresSeen(history, settings)) coverage.feature(feature)
  return coverage.counts()
}

/** Pause after the last fault, in which late requests arrive. */
const SETTLE_MS = 1_000

const play = async (world: World): Promise<Violation[]> => {
  const { scheduler, history, settings, spans } = world
  const { trigger } = settings
  if (trigger && !trigger.beside) {
    const undelivered = await playTriggers(world, trigger)
    return [...broken('a trigger delivers', undelivered), ...judgeHistory(world)]
  }
  const {
    publishers,
    consumers,
    operators,
    redrivers = 0,
    undoers = 0,
    deadLetterConsumers = 0,
    watchers = 0,
    transactors = 0,
    workers = 0,
    purgers = 0,
    deleters = 0,
  } = settings.cast
  const limit = watchLimit(world)
  const triggering = trigger && (await startTriggering(world, trigger))
  triggering?.begin()
  const endAt = scheduler.now() + spans.workMs
  const publishedUntil = scheduler.now() + (spans.publishMs ?? spans.workMs)
  await Promise.all([
    ...several(publishers, (n) => employ(world, `publisher-${n}`, publishedUntil, publisher)),
    ...several(consumers, (n) => employ(world, `consumer-${n}`, endAt, consumer)),
    ...several(workers, (n) => employ(world, `worker-${n}`, endAt, worker)),
    ...several(purgers, (n) => employ(world, `purger-${n}`, endAt, purger)),
    ...several(deleters, (n) => employ(world, `deleter-${n}`, endAt, deleter)),
    ...several(operators, (n) => employ(world, `operator-${n}`, endAt, operator)),
    ...several(deadLetterConsumers, (n) => employ(world, `dead-letter-consumer-${n}`, endAt, deadLetterConsumer)),
    ...several(transactors > 0 ? 1 : 0, (n) => employ(world, `locker-${n}`, endAt, locker)),
    ...several(transactors, (n) => employ(world, `transactor-${n}`, endAt, transactor)),
    ...several(watchers, (n) => employ(world, `watcher-${n}`, endAt, watcher)),
    ...several(redrivers, (n) => employ(world, `redriver-${n}`, endAt, redriver)),
    ...several(undoers, (n) => employ(world, `undoer-${n}`, endAt, undoer)),
    ...several(settings.changes ? 1 : 0, (n) => employ(world, `settings-changer-${n}`, endAt, settingsChanger)),
  ])
  world.calm()
  triggering?.calm()
  // A late deletion would delete a queue that is created before it.
  if (deleters > 0) await scheduler.sleep(spans.lateMs[1])
  await createAtRest(world)
  await changeAtRest(world)
  world.story?.note(scheduler.now(), '', 'nothing fails any more, and the queues are emptied')
  await scheduler.sleep(Math.max(SETTLE_MS, settings.faults?.['sent twice, the first late'] ? spans.lateMs[1] : 0))
  await redriveAtRest(world)
  const liveness = watchLiveness(world)
  await serveAll(world)
  liveness.drained()
  if (world.failures.length > 0) throw world.failures[0]
  const { must } = expected(history, settings)
  const wrongCounts = await judgeCounts(world)
  await drainAll(world)
  await triggering?.end()
  // The trigger may have found a segment that counted as hidden when the drain ended.
  if (triggering && !(await isEmpty(world))) await drainAll(world)
  const late = liveness.end()
  const wrongEndings = await judgeEndings(world)
  const lost = [...must].filter((messageId) => !history.deliveriesOf.has(messageId))
  const left = [...expected(history, settings).must]
  return [
    ...broken('messages are counted', wrongCounts),
    ...judgeHistory(world),
    ...broken('at rest every status that a producer reads is how the message ended', wrongEndings),
    ...broken('no more of a group is in flight than its limit', limit),
    ...broken('what was published is received until it is removed', [
      ...lost.map((messageId) => `lost: ${messageId}, which was published and never received`),
      ...left.map((messageId) => `not received again: ${messageId}`),
      ...(await leftMessages(world)),
    ]),
    ...broken('a message that can be received is received in time, once nothing fails', late.messages),
    ...broken('a group or a priority with something to receive is served in time', late.lanes),
    ...broken('no poller starves while there is something to receive', late.pollers),
    ...broken('what is empty keeps neither tickets nor segments', await leftOver(world)),
  ]
}

const judgeHistory = ({ history, settings }: World): Violation[] =>
  PROMISES.filter(({ madeFor }) => madeFor?.(settings) ?? true).flatMap(({ name, violations }) =>
    broken(name, violations(history, settings)),
  )

/** Redrives what is dead-lettered by then, where no fault makes a task stand still, and undoes it before consumers receive all of it. */
const redriveAtRest = async (world: World): Promise<void> => {
  const { redrivers = 0, undoers = 0 } = world.settings.cast
  if (world.history.deadLettered.size === 0) return
  const endAt = world.scheduler.now() + 4 * world.spans.redriveEveryMs[1]
  await Promise.all([
    ...several(redrivers, (n) => employ(world, `redriver-rest-${n}`, endAt, redriver)),
    ...several(undoers, (n) => employ(world, `undoer-rest-${n}`, endAt, undoer)),
  ])
}

/** Without faults, publishes more than is received: a lane that starves now starves for good. */
const serveAll = async (world: World): Promise<void> => {
  const { steadyMs = 0, cast } = world.settings
  const endAt = world.scheduler.now() + steadyMs
  if (steadyMs === 0) return
  await Promise.all([
    ...several(cast.publishers, (n) => employ(world, `publisher-steady-${n}`, endAt, publisher)),
    ...several(cast.servers ?? 2, (n) => employ(world, `server-${n}`, endAt, server)),
  ])
}

const broken = (promise: string, violations: readonly string[]): Violation[] =>
  violations.map((what) => ({ promise, what }))

/** At rest every producer reads how its messages ended, with the results of their consumers. */
const judgeEndings = async (world: World): Promise<string[]> => {
  if (!world.settings.settings?.results) return []
  const actor = world.newActor('producer')
  const found: string[] = []
  const keptMs = keptAtLeastMs(world.settings)
  for (const [messageId, { state, at }] of finalStates(world.history, world.settings)) {
    world.begin(actor, false)
    const { status } = await readStatus(world, actor, messageId, 0)
    if (status.state === state || (status.state === 'gone' && world.scheduler.now() >= at + keptMs)) continue
    found.push(`${messageId} has the status ${JSON.stringify(status)}, and was ${state}`)
  }
  return found
}

/** Counts are exact on standard queues without groups. */
const judgeCounts = async (world: World): Promise<string[]> => {
  if (world.settings.kind === 'fifo' || world.settings.groups) return []
  const { must, most } = expected(world.history, world.settings)
  const startedAt = world.scheduler.now()
  const { engine } = world.newActor('counter').process
  let counted = 0
  for (const queue of queueNames(world.settings)) {
    const { ready, delayed, leased, exact } = await counts(engine, queue)
    if (!exact) throw new Error('a small queue was not counted exactly')
    counted += ready + delayed + leased
  }
  // During the count a consumer that still works acks messages, and a repeated publish stores some.
  // A message that moves to the queue that is counted next is counted twice.
  const inserted = [...world.history.ledger.entries.values()].flatMap(({ insertedAt }) => insertedAt)
  const mostNow = most + inserted.filter((at) => at >= startedAt).length
  const least = [...expected(world.history, world.settings).must].filter((messageId) => must.has(messageId)).length
  return [
    ...(counted < least ? [`${counted} messages counted where ${least} must be`] : []),
    ...(counted > mostNow ? [`${counted} messages counted where at most ${mostNow} can be`] : []),
  ]
}

/** By how much TTL may be early, as `table.ts` has it. */
const TTL_EARLY_MS = 1_000

/** Checks the limit at every write, below all faults, and adds violations to the returned list. Purged messages are not in flight. */
const watchLimit = (world: World): string[] => {
  const found: string[] = []
  const limit = world.settings.settings?.maxInFlightPerGroup
  if (typeof limit !== 'number') return found
  const { observer, scheduler, history } = world
  const { clocksOffByMs = 0 } = world.settings
  const live = ({ slots }: Segment, now: number) =>
    slots.filter((slot) => slot.kind === 'lease' && liveAt(slot, now)).length
  observer.onSegment(({ key }, partition) => {
    if (key.partition.group === undefined || key.partition.queue !== queueName(world.settings) || found.length >= 3)
      return
    const purge = history.drops.findLast(({ kind }) => kind === 'purge')
    // The purger dates the purge, by its own clock.
    const keptFrom = purge ? (purge.endedAt ?? Number.POSITIVE_INFINITY) + clocksOffByMs + JUMP_MS : 0
    let inFlight = 0
    for (const segment of observer.segmentsOf(partition)) {
      // A message that has expired while a consumer works on it is not in flight either.
      if (segment.publishedAt > keptFrom && segment.expiresAt > scheduler.now() + clocksOffByMs + TTL_EARLY_MS)
        inFlight += live(segment, scheduler.now())
    }
    if (inFlight > limit) found.push(`${inFlight} in flight in ${partition} at ${scheduler.now()}`)
  })
  return found
}
