import { createEngine } from '../../lib/engine.ts'
import type { ContentMessage } from '../../lib/model/content.ts'
import { encodeMessageId } from '../../lib/model/message-id.ts'
import { DEFAULT_FIFO } from '../../lib/model/queue-settings.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../lib/queues/delete-queue.ts'
import type { GivenTrigger } from '../../lib/triggers/trigger.ts'
import type { Invocation } from './history.ts'
import type { World } from './world.ts'
import { queueName, type TriggerSettings } from './world-settings.ts'

/** The filter matches about half of all messages, by the last digit of their place in their publish. */
const MATCHED_ENDS = ['0', '3', '4', '7', '8']
const isMatched = (body: string): boolean => MATCHED_ENDS.includes(body.at(-1) ?? '')
const PATTERN = { body: MATCHED_ENDS.map((suffix) => ({ suffix })) }

/** A message that was stored in the queue for unmatched ones. */
interface Moved {
  readonly body: string
  readonly messageId: string
}

/** The filter of a world's trigger, and the checks of what it does. */
export interface WatchedFilter {
  readonly settings: Pick<GivenTrigger, 'filter' | 'unmatched'>
  /** Called once the trigger is set: deletes its queue for unmatched messages for a while, in worlds with `targetMissingMs`. */
  begin(): Promise<void>
  /** Whether the function must get the message with this id. */
  wants(messageId: string): boolean
  /** The queue for unmatched messages, if they are moved. */
  readonly target: string | undefined
  /** The broken promises, at the end. */
  violations(runs: readonly Invocation[]): string[]
}

/**
 * Promises:
 * - the function gets nothing that no pattern matches;
 * - an unmatched message is moved, once, to the queue for unmatched messages, or is deleted;
 * - nothing that a pattern matches is moved;
 * - moved messages of a FIFO group keep their order.
 */
export const watchFilter = async (
  world: World,
  { unmatched, targetMissingMs }: TriggerSettings,
): Promise<WatchedFilter> => {
  if (!unmatched) {
    return { settings: {}, begin: async () => {}, wants: () => true, target: undefined, violations: () => [] }
  }
  const { scheduler, settings, observer, store } = world
  const engine = createEngine({ store, clock: scheduler.clock, random: world.randomNamed(1) })
  const target = queueName(settings).replace('orders', 'unmatched')
  const moved: Moved[] = []
  /** Bodies by id, as stored: the answer to a duplicate has the id of another body. */
  const bodies = new Map<string, string>()
  const create = () => createQueue(engine, target, { settings: settings.kind === 'fifo' ? { fifo: DEFAULT_FIFO } : {} })
  if (unmatched === 'move') await create()
  observer.onInsert(({ segment, content }, again) => {
    if (again) return
    if (segment.key.partition.queue === target) moved.push(...content.messages.map(movedOf))
    else {
      for (const [index, { body }] of content.messages.entries())
        bodies.set(encodeMessageId(segment.key, index), body as string)
    }
  })
  return {
    settings: { filter: PATTERN, unmatched: unmatched === 'move' ? { queue: target } : 'delete' },
    begin: async () => {
      if (targetMissingMs === undefined) return
      await deleteQueue(engine, target)
      scheduler.after(targetMissingMs, () => void create())
    },
    wants: (messageId) => isMatched(bodies.get(messageId) ?? ''),
    target: unmatched === 'move' ? target : undefined,
    violations: (runs) => [
      ...runs.flatMap(({ messages }) =>
        messages.flatMap(({ body }) =>
          isMatched(body as string) ? [] : [`the function got ${body}, which is unmatched`],
        ),
      ),
      ...(unmatched === 'move' ? [...misplaced(world, bodies, moved), ...overtaken(world, moved)] : []),
    ],
  }
}

const movedOf = ({ body, messageId }: ContentMessage): Moved => ({
  body: body as string,
  messageId: messageId as string,
})

const misplaced = ({ history }: World, bodies: ReadonlyMap<string, string>, moved: readonly Moved[]): string[] => {
  const times = new Map<string, number>()
  for (const { messageId } of moved) times.set(messageId, (times.get(messageId) ?? 0) + 1)
  const lost = [...history.publishes.values()].flatMap(({ body, answer, timeToLiveSeconds }) =>
    answer &&
    timeToLiveSeconds === undefined &&
    !isMatched(bodies.get(answer.messageId) ?? '') &&
    !times.has(answer.messageId)
      ? [`${body} (${answer.messageId}) was published, is unmatched, and was not moved`]
      : [],
  )
  return [
    ...lost,
    ...moved.flatMap(({ body }) => (isMatched(body) ? [`${body} was moved, and a pattern matches it`] : [])),
    ...[...times].flatMap(([messageId, count]) =>
      count > 1 && !history.repeated.has(messageId) ? [`${messageId} was moved ${count} times`] : [],
    ),
  ]
}

/** Compares the order with the sequence numbers in the answers to publishers. */
const overtaken = ({ history, settings }: World, moved: readonly Moved[]): string[] => {
  if (settings.kind !== 'fifo') return []
  const last = new Map<string | undefined, string>()
  return moved.flatMap(({ body }) => {
    const { groupId, answer } = history.publishes.get(body) ?? {}
    const sequence = answer?.sequenceNumber
    if (sequence === undefined) return []
    const before = last.get(groupId) ?? ''
    last.set(groupId, sequence)
    return before > sequence ? [`${body} of ${groupId} was moved behind a later message of its group`] : []
  })
}
