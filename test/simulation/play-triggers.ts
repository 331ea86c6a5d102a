import { createEngine } from '../../lib/engine.ts'
import { tick } from '../../lib/triggers/wake.ts'
import { employ, several } from './actors/employ.ts'
import { publisher } from './actors/publisher.ts'
import { changeAtRest, settingsChanger } from './actors/settings-changer.ts'
import type { Invocation } from './history.ts'
import { type WatchedFilter, watchFilter } from './trigger-filter.ts'
import { startTriggering } from './triggering.ts'
import type { World } from './world.ts'
import type { TriggerSettings } from './world-settings.ts'

const FIRST_RUN_MS = 20_000
/** Twice the sum of a tick and its run, the time that a dead run's slots and leases last, and the delay of a late answer. */
const DELIVERED_WITHIN_MS = 400_000

/**
 * A trigger alone, without other consumers. Publishers publish. The table's stream sends wakes. Runs of the dispatcher are started,
 * killed and paused, and hand over to other runs. The function runs, fails, hangs and is throttled. Afterwards nothing fails, and all is
 * delivered within minutes.
 *
 * Promises, beside those of every world:
 * - a message leaves the queue only after an invocation that worked on it has succeeded;
 * - while nothing kills runs or loses answers, the first delivery of a message is its first receive;
 * - every published message that a pattern matches is delivered, and the queue is empty in the end, even if it was paused;
 * - the promises of filters in `watchFilter`.
 */
export const playTriggers = async (world: World, trigger: TriggerSettings): Promise<string[]> => {
  const { scheduler, settings, spans, history, store } = world
  const filter = await watchFilter(world, trigger)
  const triggering = await startTriggering(world, trigger, filter.settings)
  if (trigger.throttledMs !== undefined) triggering.function.throttleUntil(scheduler.now() + trigger.throttledMs)
  await filter.begin()
  // Handles the wake of the new trigger here, since a later tick for it would also make up for lost wakes.
  const setup = createEngine({ store, clock: scheduler.clock, random: world.randomNamed(0) })
  await tick(setup, { startRun: () => triggering.startRun(world.randomNamed(0)) })
  await scheduler.sleep(FIRST_RUN_MS)
  triggering.begin()

  const endAt = scheduler.now() + spans.workMs
  await Promise.all([
    ...several(settings.cast.publishers, (n) => employ(world, `publisher-${n}`, endAt, publisher)),
    ...(settings.changes ? [employ(world, 'settings-changer', endAt, settingsChanger)] : []),
  ])
  world.calm()
  triggering.calm()
  await changeAtRest(world)
  world.story?.note(scheduler.now(), '', 'nothing fails any more')
  await scheduler.sleep(DELIVERED_WITHIN_MS)
  await triggering.end()

  if (world.failures.length > 0) throw world.failures[0]
  const { invocations } = history
  const delayed = trigger.throttledMs ?? trigger.targetMissingMs ?? settings.changes
  return [
    ...undelivered(world, filter),
    ...filter.violations(invocations),
    ...(isHarmless(world, trigger) ? laterReceives(invocations) : []),
    ...(isHarmless(world, trigger) && delayed === undefined ? lateStarts(world, invocations) : []),
    ...(settings.kind === 'fifo' ? passedOver(invocations) : []),
  ]
}

/** What was published and is not done, and what is left in the queue. */
const undelivered = ({ history, observer }: World, filter: WatchedFilter): string[] => {
  const succeeded = new Set(history.invocations.flatMap((one) => one.succeeded))
  const lost = [...history.publishes.values()].flatMap(({ body, answer, timeToLiveSeconds }) =>
    answer && timeToLiveSeconds === undefined && filter.wants(answer.messageId) && !succeeded.has(answer.messageId)
      ? [`${body} (${answer.messageId}) was published, and no invocation that worked on it succeeded`]
      : [],
  )
  const left = [...observer.partitions()].flatMap(([partition, segments]) =>
    [...segments.values()].flatMap(({ key, slots }) =>
      key.partition.queue !== filter.target && slots.some(({ kind }) => kind !== 'gone')
        ? [`in ${partition} there is still ${key.sort}`]
        : [],
    ),
  )
  return [...lost, ...left]
}

/** Whether the world has no fault that may cost a receive. */
const isHarmless = ({ settings }: World, { faults = {}, startsLost = 0 }: TriggerSettings): boolean =>
  settings.faults === undefined && Object.keys(faults).length === 0 && startsLost === 0

const laterReceives = (runs: readonly Invocation[]): string[] =>
  runs.flatMap(({ messages }) =>
    messages
      .filter(({ receiveCount }) => receiveCount !== 1)
      .map(({ body, receiveCount }) => `${body} came with receive ${receiveCount}, though nothing failed`),
  )

/** The time for a run's start, its polls, and the messages before one: far less than a tick. */
const STARTS_WITHIN_MS = 30_000
/** A message without a wake waits for a tick. */
const TICKED_WITHIN_MS = 130_000

const lateStarts = ({ history, scheduler }: World, runs: readonly Invocation[]): string[] => {
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
const passedOver = (runs: readonly Invocation[]): string[] =>
  runs.flatMap((run, position) => {
    const failedGroups = new Set<string | undefined>()
    return run.messages.flatMap(({ messageId, groupId, body }) => {
      const isBehind = failedGroups.has(groupId)
      if (!run.succeeded.includes(messageId)) failedGroups.add(groupId)
      const comesAgain = runs.slice(position + 1).some((later) => later.succeeded.includes(messageId))
      return isBehind && !comesAgain ? [`${body}, behind a failed message of its group, did not come again`] : []
    })
  })
