import type { Engine } from '../engine.ts'
import { groupPartition } from '../model/group.ts'
import { afterPurge, type QueueState } from '../model/queue-record.ts'
import type { Write } from '../store/port.ts'
import { touchGroup } from './group-place.ts'
import { canShareSegment, newSegment, type PlanOfMessage, segmentPlanOf } from './new-segment.ts'
import type { Entry, Place, Placed } from './publish-once.ts'

/** Messages of one priority, due time, time to live and group; all of them have deduplication ids, or none has. */
export interface Planned {
  readonly plan: PlanOfMessage
  readonly entries: Entry[]
  readonly once: boolean
}

export const planSegments = (engine: Engine, queue: QueueState, entries: readonly Entry[]): Planned[] => {
  const now = afterPurge(queue, engine.clock.now())
  const planned: Planned[] = []
  for (const entry of entries) {
    const once = entry.deduplicationKey !== undefined
    const plan = segmentPlanOf(queue, entry.message, now)
    const alike = planned.find((one) => one.once === once && canShareSegment(one.plan, plan))
    if (alike) alike.entries.push(entry)
    else planned.push({ plan, entries: [entry], once })
  }
  return planned
}

/** Places messages of a standard queue: one segment for messages that are alike, and one write for the ticket of each group. */
export const placeSegments =
  (engine: Engine, queue: QueueState): Place =>
  (entries) => {
    const writes: Write[] = []
    const touched = new Map<string, Write>()
    const placed = new Map<Entry, Placed>()
    // All segments without a group share a shard, so that a throttled transaction names the shard that was throttled.
    const shard = Math.floor(engine.random.fraction() * queue.settings.shards)
    for (const { plan, entries: alike } of planSegments(engine, queue, entries)) {
      const messages = alike.map(({ content }) => content)
      const insert = newSegment(engine, queue, { shard, ...plan, messages })
      writes.push({ kind: 'insert', insert })
      // A transaction takes one write for each item, so segments of one group share the write of their ticket.
      if (plan.group !== undefined) touched.set(plan.group, touchGroup(engine, queue, plan.group, insert))
      for (const [index, entry] of alike.entries()) placed.set(entry, { segment: insert, index })
    }
    return {
      writes: [...writes, ...touched.values()],
      placed: entries.map((entry) => placed.get(entry) as Placed),
    }
  }

/** Lets the polls of this process know which groups have new messages. */
export const markReadyGroups = (engine: Engine, queue: QueueState, planned: readonly Planned[]): void => {
  const now = engine.clock.now()
  for (const { plan } of planned) {
    const { group, dueAt } = plan
    if (group !== undefined && dueAt <= now) engine.polls.tickets(groupPartition(queue, group)).markReady(group, now)
  }
}
