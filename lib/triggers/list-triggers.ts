import type { Engine } from '../engine.ts'
import { invalid, queueNotFound } from '../model/errors.ts'
import { type FieldNames, knownFields } from '../model/known-fields.ts'
import { LIMITS } from '../model/limits.ts'
import { checkWholeNumber } from '../model/number-checks.ts'
import { checkQueueName, isQueueName, plainName } from '../model/queue-name.ts'
import { isPaused, readQueue } from '../queues/read-queue.ts'
import { DUE_INDEX, dueKey, SLOT_PREFIX, triggerKey, triggerMarkKey, triggerPartition } from '../store/keys.ts'
import { type Due, startsAt } from './due-index.ts'
import type { Mark } from './mark.ts'
import type { SlotRecord } from './slots.ts'
import type { StoredTrigger, Trigger } from './trigger.ts'

/** A trigger with what its runs do. Instants are epoch ms. */
export interface TriggerState extends Trigger {
  /** Absent in what older versions declared. */
  readonly declaredAt?: number
  /** The stack or file that declares the trigger; absent where a call does. */
  readonly declaredBy?: string
  /** Whether the queue is paused, so that nothing is delivered. */
  readonly paused: boolean
  /** Whether a run delivers messages at present. */
  readonly running: boolean
  /** When the last run ended; absent while one runs, before the first end, and after runs of older versions. */
  readonly lastRunEndedAt?: number
  /**
   * Slots that runs hold, 0 … `maxConcurrency`: with an invocation, for the batch that a run waits for, or up to a minute after an
   * invocation for the next one.
   */
  readonly slotsTaken: number
  /** When the next run starts even if nothing is published; absent where nothing is known to come. */
  readonly nextRunAt?: number
}

export interface TriggerQuery {
  /** Only the trigger of this queue. */
  readonly queue?: string
  /** 1 … 100. @default 100 */
  readonly limit?: number
  readonly cursor?: string
}
const QUERY_FIELDS: FieldNames<TriggerQuery> = { queue: true, limit: true, cursor: true }

export interface TriggerPage {
  /** By the names of their queues. */
  readonly triggers: readonly TriggerState[]
  /** Give it back to get the next page. */
  readonly cursor?: string
}

/** An entry without a trigger stays in the index, and is read too. */
const PAGE = LIMITS.listTriggersPage
/** Documents of one trigger that are read at a time: its settings, its mark, and a slot for each concurrent invocation. */
const DOCUMENTS = 1_000

/**
 * Triggers of the default account and region, and what their runs do, of a moment ago. It changes nothing.
 *
 * reads: one query of the due index a page; for each trigger one query of at most 64 KB, and the record of its queue
 *
 * @throws `InvalidRequest`; `QueueNotFound` for a `queue` that does not exist
 */
export const listTriggers = async (engine: Engine, query: TriggerQuery = {}): Promise<TriggerPage> => {
  const { queue, limit = PAGE, cursor } = knownFields(query, QUERY_FIELDS)
  checkWholeNumber('limit', limit, 1, PAGE)
  if (queue !== undefined) return { triggers: await ofQueue(engine, queue) }
  const after = cursor === undefined ? undefined : nameIn(cursor)
  const entries = await engine.store.listDocuments({
    partition: DUE_INDEX,
    limit: limit + 1,
    ...(after !== undefined && { after }),
  })
  const shown = entries.slice(0, limit)
  // Queues of other accounts and regions have those in their names.
  const own = shown.filter(({ sort }) => isQueueName(sort) && plainName(sort) === sort)
  const found = await Promise.all(own.map(({ sort, value }) => stateOf(engine, sort, value as unknown as Due)))
  const last = shown.at(-1)?.sort
  return {
    triggers: found.filter((state) => state !== undefined),
    ...(entries.length > limit && last !== undefined && { cursor: Buffer.from(last, 'utf8').toString('base64url') }),
  }
}

const ofQueue = async (engine: Engine, queue: string): Promise<readonly TriggerState[]> => {
  checkQueueName(queue)
  const entry = await engine.store.getDocument(dueKey(queue))
  const state = await stateOf(engine, queue, entry?.value as Due | undefined)
  if (state) return [state]
  if (await readQueue(engine.store, queue)) return []
  throw queueNotFound(queue)
}

/** @throws `InvalidRequest` for a text that is no cursor of a page */
const nameIn = (cursor: string): string => {
  const name = Buffer.from(cursor, 'base64url').toString('utf8')
  if (!isQueueName(name)) throw invalid('cursor', cursor, 'must be the cursor of an earlier page')
  return name
}

const stateOf = async (engine: Engine, queue: string, due: Due | undefined): Promise<TriggerState | undefined> => {
  const documents = await documentsOf(engine, queue)
  const trigger = documents.get(triggerKey(queue).sort) as StoredTrigger | undefined
  if (!trigger) return undefined
  const now = engine.clock.now()
  const mark = documents.get(triggerMarkKey(queue).sort) as Mark | undefined
  const running = mark !== undefined && mark.until > now
  const slots = [...documents].filter(([sort]) => sort.startsWith(SLOT_PREFIX)).map(([, slot]) => slot as SlotRecord)
  const nextRunAt = due && startsAt(due)
  return {
    ...trigger,
    paused: await isPaused(engine.store, queue),
    running,
    ...(!running && mark?.endedAt !== undefined && { lastRunEndedAt: mark.endedAt }),
    slotsTaken: slots.filter(({ busyUntil }) => busyUntil > now).length,
    ...(!running && nextRunAt !== undefined && Number.isFinite(nextRunAt) && { nextRunAt }),
  }
}

const documentsOf = async (engine: Engine, queue: string): Promise<ReadonlyMap<string, unknown>> => {
  const found = new Map<string, unknown>()
  for (let after: string | undefined; ; ) {
    const page = await engine.store.listDocuments({
      partition: triggerPartition(queue),
      limit: DOCUMENTS,
      ...(after !== undefined && { after }),
    })
    for (const { sort, value } of page) found.set(sort, value)
    after = page.at(-1)?.sort
    if (page.length < DOCUMENTS || after === undefined) return found
  }
}
