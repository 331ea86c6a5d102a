import type { Engine } from '../engine.ts'
import { groupPartition } from '../model/group.ts'
import { afterPurge, type QueueState } from '../model/queue-record.ts'
import type { Write } from '../store/port.ts'
import { touchGroup } from './group-place.ts'
import { isAlike, newSegment, type PlanOfMessage, segmentPlanOf } from './new-segment.ts'
import type { Entry, Place, Placed } from './publish-once.ts'

/** Messages of one priority, due time, time to live and group, with deduplication ids or without. */
export interface Planned {
  readonly plan: PlanOfMessage
  readonly entries: Entry[]
  readonly once: boolean
}

export const planSegments = (engine: Engine, queue: QueueState, entries: readonly Entry[]): Planned[] => {
  const now = afterPurge(queue, engine.clock.now())
  const planned: Planned[] = []
  for (const entry of entries) {
    const once = entry.remembered !== undefined
    const plan = segmentPlanOf(queue, entry.message, now)
    const alike = planned.find((one) => one.once === once && isAlike(one.plan, plan))
    if (alike) alike.entries.push(entry)
    else planned.push({ plan, entries: [entry], once })
  }
  return planned
}

/** Places messages of a standard queue: a segment for those that are alike, and one write a ticket that leads polls to them. */
export const placeSegments =
  (engine: Engine, queue: QueueState): Place =>
  (entries) => {
    const writes: Write[] = []
    const touched = new Map<string, Write>()
    const placed = new Map<Entry, Placed>()
    // Those that need no ticket share a shard, so that a throttled transaction tells which one was.
    const shard = Math.floor(engine.random.fraction() * queue.settings.shards)
    for (const { plan, entries: alike } of planSegments(engine, queue, entries)) {
      const messages = alike.map(({ content }) => content)
      const insert = newSegment(engine, queue, { shard, ...plan, messages })
      writes.push({ kind: 'insert', insert })
      // A transaction takes one write an item: segments of one group share their ticket's.
      if (plan.group !== undefined) touched.set(plan.group, touchGroup(engine, queue, plan.group, insert))
      for (const [index, entry] of alike.entries()) placed.set(entry, { segment: insert, index })
    }
    return {
      writes: [...writes, ...touched.values()],
      placed: entries.map((entry) => placed.get(entry) as Placed),
    }
  }

/** This process's own polls know where something new is. */
export const markReadyGroups = (engine: Engine, queue: QueueState, planned: readonly Planned[]): void => {
  const now = engine.clock.now()
  for (const { plan } of planned) {
    const { group, dueAt } = plan
    if (group !== undefined && dueAt <= now) engine.polls.tickets(groupPartition(queue, group)).markReady(group, now)
  }
}
