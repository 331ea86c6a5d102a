import type { Engine } from '../engine.ts'
import { HoldfastError, invalid, queueNotFound } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { QueueLayout } from '../model/queue-layout.ts'
import {
  asQueue,
  layoutOf,
  pollPriorities,
  pollShards,
  type QueueRecord,
  type QueueState,
  queueState,
  recordIn,
  recordValue,
  withLayout,
} from '../model/queue-record.ts'
import {
  applySettings,
  checkQueueName,
  plainName,
  type Queue,
  type QueueSettings,
  type SettingsChange,
  whole,
} from '../model/queue-settings.ts'
import { layoutKey, queueKey, queueListKey, queueListPartition } from '../store/keys.ts'
import { readLayout, readQueue } from './read-queue.ts'
import { layoutWrite } from './shards.ts'

export interface QueueCreation {
  readonly settings?: SettingsChange
  readonly tags?: Readonly<Record<string, string>>
  readonly extras?: Readonly<Record<string, string>>
}
export interface QueueChange {
  readonly settings?: SettingsChange
  /** `null` removes. */
  readonly tags?: Readonly<Record<string, string | null>>
  readonly extras?: Readonly<Record<string, string | null>>
}

/** Changes of one queue at the same moment retry this often. */
const TRIES = 8
/** A deleted queue's record is kept this long, so that the next one of its name knows of it. */
const TOMBSTONE_MS = 86_400_000

/**
 * Creates a queue. Where it exists with what was asked for, that is fine too: only what the request names is compared.
 *
 * @throws `InvalidRequest`, `QueueExists` when a setting differs, `QueueDeletedRecently`
 */
export const createQueue = async (
  engine: Engine,
  name: string,
  creation: QueueCreation = {},
  { minIntervalSinceDeleteMs = 0 }: { minIntervalSinceDeleteMs?: number } = {},
): Promise<{ queue: Queue; created: boolean }> => {
  checkQueueName(name)
  const settings = applySettings(name, creation.settings ?? {})
  checkTags(creation.tags ?? {})
  checkExtras(creation.extras ?? {})
  await checkDeadLetterQueue(engine, settings)
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const [document, layout] = await Promise.all([
      engine.store.getDocument(queueKey(name), { consistent: true }),
      readLayout(engine.store, name, { consistent: true }),
    ])
    const existing = queueState(name, document, layout)
    if (existing) return { queue: asQueue(matching(existing, creation)), created: false }
    const before = document && recordIn(document)
    const now = engine.clock.now()
    if (before?.deletedAt !== undefined && within(minIntervalSinceDeleteMs, before.deletedAt, now)) {
      throw new HoldfastError('QueueDeletedRecently', `queue ${plainName(name)} was deleted a moment ago`, {
        queue: name,
      })
    }
    // A generation is the time of its creation, moved on where a clock has gone back.
    const createdAt = Math.max(now, (before?.createdAt ?? 0) + 1)
    const record: QueueRecord = {
      settings,
      generation: createdAt.toString(36),
      createdAt,
      modifiedAt: createdAt,
      tags: creation.tags ?? {},
      extras: creation.extras ?? {},
    }
    const version = document?.version ?? 0
    const { applied } = await engine.store.transact([
      { kind: 'put', key: queueKey(name), value: recordValue(record), ifVersion: version },
      { kind: 'put', key: queueListKey(name), value: {} },
    ])
    if (!applied) continue
    const state = withLayout({ ...record, name, version: version + 1 }, {}, layout?.version ?? 0)
    engine.queues.put(state)
    return { queue: asQueue(state), created: true }
  }
  throw contended(name)
}

/** @throws `QueueExists` naming the first thing that was asked for and is otherwise */
const matching = (existing: QueueState, { settings = {}, tags = {}, extras = {} }: QueueCreation): QueueState => {
  const wanted = applySettings(existing.name, settings, existing.settings)
  const asked: [string, unknown, unknown][] = [
    ...Object.keys(settings).map((key): [string, unknown, unknown] => [
      key,
      wanted[key as keyof QueueSettings],
      existing.settings[key as keyof QueueSettings],
    ]),
    ...Object.entries(extras).map(([key, value]): [string, unknown, unknown] => [key, value, existing.extras[key]]),
    ...Object.entries(tags).map(([key, value]): [string, unknown, unknown] => [
      `tags.${key}`,
      value,
      existing.tags[key],
    ]),
  ]
  for (const [field, value, present] of asked) {
    if (!sameValue(value, present)) {
      throw new HoldfastError(
        'QueueExists',
        `queue ${plainName(existing.name)} exists with a different value for ${field}`,
        { queue: existing.name, field, value },
      )
    }
  }
  return existing
}

const sameValue = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b)
const canonical = (value: unknown): string =>
  value !== null && typeof value === 'object'
    ? `{${Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, inner]) => `${key}:${canonical(inner)}`)
        .join()}}`
    : (JSON.stringify(value) ?? 'undefined')

/** @throws `QueueNotFound` */
export const getQueue = async (engine: Engine, name: string): Promise<Queue> => asQueue(await engine.queues.get(name))

export interface QueuePage {
  readonly queues: readonly Queue[]
  /** Give it back to get the next page. */
  readonly cursor?: string
}

/** Queues of one account and region, by name. Names alone: `listQueueNames`, which reads no settings. */
export const listQueues = async (engine: Engine, query: ListQuery = {}): Promise<QueuePage> => {
  const { names, cursor } = await listQueueNames(engine, query)
  const scope = query.scope ?? ''
  const found = await Promise.all(
    names.map(async (name) => {
      const full = scope === '' ? name : `${scope}/${name}`
      return readQueue(engine.store, full)
    }),
  )
  const queues = found.filter((state) => state !== undefined).map(asQueue)
  return { queues, ...(cursor !== undefined && { cursor }) }
}

export interface ListQuery {
  readonly prefix?: string
  /** 1 … 1000. @default 100 */
  readonly limit?: number
  readonly cursor?: string
  /** `<account>/<region>`, when not the default ones. */
  readonly scope?: string
}

export const listQueueNames = async (
  engine: Engine,
  { prefix = '', limit = 100, cursor, scope = '' }: ListQuery = {},
): Promise<{ names: readonly string[]; cursor?: string }> => {
  whole('limit', limit, 1, LIMITS.listQueuesPage)
  const after = cursor === undefined ? undefined : Buffer.from(cursor, 'base64url').toString('utf8')
  const documents = await engine.store.listDocuments({
    partition: queueListPartition(scope),
    prefix,
    limit: limit + 1,
    consistent: true,
    ...(after !== undefined && { after }),
  })
  const names = documents.slice(0, limit).map(({ sort }) => sort)
  const last = names.at(-1)
  return documents.length > limit && last !== undefined
    ? { names, cursor: Buffer.from(last, 'utf8').toString('base64url') }
    : { names }
}

/**
 * Changes what the request names. A change that depends on what is there is a function of it: it is asked again when
 * another process changed the queue concurrently, so that neither change is lost.
 *
 * @throws `InvalidRequest`, `QueueNotFound`, and what the function throws
 */
export const updateQueue = async (
  engine: Engine,
  name: string,
  decide: QueueChange | ((queue: Queue) => QueueChange),
): Promise<Queue> => {
  const changed = await rewrite(engine, name, (queue, now) => {
    const change = typeof decide === 'function' ? decide(asQueue(queue)) : decide
    return withChange(engine, queue, change, now)
  })
  // A delay that was lowered may have made messages receivable.
  if (changed.delayLoweredAt === changed.modifiedAt) engine.wakeups.wake(name, Number.POSITIVE_INFINITY)
  return asQueue(changed)
}

const withChange = async (engine: Engine, queue: QueueState, change: QueueChange, now: number): Promise<Rewritten> => {
  const settings = applySettings(queue.name, change.settings ?? {}, queue.settings)
  if (change.settings?.deadLetter) await checkDeadLetterQueue(engine, settings)
  // A group's ticket stands in a shard that follows from their number, and gives the group's numbers.
  if (settings.fifo && settings.shards !== queue.settings.shards) {
    throw invalid('shards', settings.shards, 'must stay what it is on a FIFO queue, where numbers are given by shard')
  }
  const tags = patched(queue.tags, change.tags)
  checkTags(tags)
  const extras = patched(queue.extras, change.extras)
  checkExtras(extras)
  const { shards } = settings
  const record = {
    ...queue,
    settings,
    tags,
    extras,
    modifiedAt: now,
    pollPriorities: Math.max(settings.priorities, pollPriorities(queue)),
    ...(shards < queue.settings.shards && { shardsLoweredAt: now }),
    ...(settings.results && !queue.settings.results && { resultsSince: now }),
    ...(settings.fifo && settings.delaySeconds < queue.settings.delaySeconds && { delayLoweredAt: now }),
  }
  // Where the request leaves the shards alone, the record keeps its own, and the layout what it noted.
  if (shards === queue.settings.shards) return { record }
  const most = Math.max(shards, pollShards(queue))
  return {
    record: { ...record, recordShards: shards },
    layout: { ...layoutOf(queue), shards, pollShards: most, changedAt: now },
  }
}

/** Deletes a queue with all that is in it. @throws `QueueNotFound` */
export const deleteQueue = async (engine: Engine, name: string): Promise<void> => {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const queue = await fresh(engine, name)
    const now = engine.clock.now()
    const value = recordValue({ ...queue, deletedAt: now })
    const { applied } = await engine.store.transact([
      { kind: 'put', key: queueKey(name), value, ifVersion: queue.version, expiresAt: now + TOMBSTONE_MS },
      { kind: 'delete', key: queueListKey(name) },
      ...(queue.layoutVersion > 0 ? [{ kind: 'delete', key: layoutKey(name) } as const] : []),
    ])
    engine.queues.forget(name)
    if (applied) {
      engine.wakeups.wake(name, Number.POSITIVE_INFINITY)
      return
    }
  }
  throw contended(name)
}

/**
 * Empties a queue: whatever was published until now, delayed and leased messages too, is gone. One write; DynamoDB's
 * TTL reclaims the rest. Other processes see it when their knowledge of the queue is renewed, within five seconds.
 *
 * @throws `QueueNotFound`, `PurgeInProgress` within `minIntervalMs` of the last purge
 */
export const purgeQueue = async (
  engine: Engine,
  name: string,
  { minIntervalMs = 0 }: { minIntervalMs?: number } = {},
): Promise<void> => {
  await rewrite(engine, name, async (queue, now) => {
    if (queue.purgedAt !== undefined && within(minIntervalMs, queue.purgedAt, now)) {
      throw new HoldfastError('PurgeInProgress', `queue ${plainName(name)} was purged a moment ago`, { queue: name })
    }
    return { record: { ...queue, purgedAt: now } }
  })
}

/** Without an interval nothing is too soon, not even for a clock that is behind the one that wrote. */
const within = (intervalMs: number, at: number, now: number): boolean => intervalMs > 0 && now - at < intervalMs

/** What a change makes of a queue; without a layout, the layout stays what it is. */
interface Rewritten {
  readonly record: QueueRecord & Partial<Pick<QueueState, 'recordShards'>>
  readonly layout?: QueueLayout
}

/** Writes a queue's record, and its layout where that changes too, on condition that neither changed concurrently. */
const rewrite = async (
  engine: Engine,
  name: string,
  change: (queue: QueueState, now: number) => Promise<Rewritten>,
): Promise<QueueState> => {
  const changeId = Buffer.from(engine.random.bytes(6)).toString('base64url')
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const queue = await fresh(engine, name)
    // A lone write that DynamoDB's client sent again, since its answer was lost, met what it had written itself.
    if (attempt > 0 && queue.changeId === changeId) {
      engine.queues.put(queue)
      return queue
    }
    const { record: changed, layout } = await change(queue, engine.clock.now())
    const record: QueueRecord = { ...changed, changeId }
    const { applied } = await engine.store.transact([
      { kind: 'put', key: queueKey(name), value: recordValue(record), ifVersion: queue.version },
      ...(layout ? [layoutWrite(queue, layout)] : []),
    ])
    if (applied) {
      const layoutVersion = queue.layoutVersion + (layout ? 1 : 0)
      const state = withLayout(
        { ...record, name, version: queue.version + 1 },
        layout ?? layoutOf(queue),
        layoutVersion,
      )
      engine.queues.put(state)
      return state
    }
    engine.queues.forget(name)
  }
  throw contended(name)
}

const fresh = async (engine: Engine, name: string): Promise<QueueState> => {
  const queue = await readQueue(engine.store, name, { consistent: true })
  if (!queue) throw queueNotFound(name)
  return queue
}

const patched = (
  present: Readonly<Record<string, string>>,
  change: Readonly<Record<string, string | null>> = {},
): Record<string, string> => {
  const result: Record<string, string> = { ...present }
  for (const [key, value] of Object.entries(change)) {
    if (value === null) delete result[key]
    else result[key] = value
  }
  return result
}

const checkTags = (tags: Readonly<Record<string, string>>): void => {
  const entries = Object.entries(tags)
  if (entries.length > LIMITS.tags) throw invalid('tags', entries.length, `must hold at most ${LIMITS.tags} tags`)
  for (const [key, value] of entries) {
    if (key.length < 1 || key.length > LIMITS.tagKeyLength) {
      throw invalid('tags', key, `must have keys of 1 to ${LIMITS.tagKeyLength} characters`)
    }
    if (!key.isWellFormed() || !value.isWellFormed()) {
      throw invalid('tags', '(text)', 'must be well-formed Unicode, without lone surrogates')
    }
    if (value.length > LIMITS.tagValueLength) {
      throw invalid(`tags.${key}`, value, `must have at most ${LIMITS.tagValueLength} characters`)
    }
  }
}

const checkExtras = (extras: Readonly<Record<string, string>>): void => {
  for (const [name, value] of Object.entries(extras)) {
    if (!value.isWellFormed()) throw invalid(name, '(text)', 'must be well-formed Unicode, without lone surrogates')
  }
}

const checkDeadLetterQueue = async (engine: Engine, { deadLetter }: QueueSettings): Promise<void> => {
  if (!deadLetter) return
  if (!(await readQueue(engine.store, deadLetter.queue, { consistent: true }))) {
    throw invalid('deadLetter.queue', plainName(deadLetter.queue), 'must name a queue that exists')
  }
}

const contended = (name: string): HoldfastError =>
  new HoldfastError('OperationInProgress', `queue ${plainName(name)} is being changed by others`, { queue: name })
