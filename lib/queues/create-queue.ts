import type { Engine } from '../engine.ts'
import { HoldfastError } from '../model/errors.ts'
import { checkQueueName, plainName } from '../model/queue-name.ts'
import {
  asQueue,
  layoutOf,
  type QueueRecord,
  type QueueState,
  queueState,
  recordValue,
  withLayout,
} from '../model/queue-record.ts'
import { applySettings, type Queue, type QueueSettings, type SettingsChange } from '../model/queue-settings.ts'
import { queueKey, queueListKey } from '../store/keys.ts'
import { checkDeadLetterQueue, checkExtras, checkTags } from './queue-rules.ts'
import { checkRecord, readLayout } from './read-queue.ts'
import { contended, isWithinInterval, TRIES } from './rewrite-queue.ts'
import { layoutWrite } from './shards.ts'

export interface QueueCreation {
  readonly settings?: SettingsChange
  readonly tags?: Readonly<Record<string, string>>
  readonly extras?: Readonly<Record<string, string>>
}

/**
 * Creates a queue. Where a queue of the name exists, the creation succeeds if every setting and tag that the request names is the same.
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
  const planned = { settings, creation, minIntervalSinceDeleteMs }
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const outcome = await tryToCreate(engine, name, planned)
    if (outcome) return outcome
  }
  throw contended(name)
}

interface PlannedQueue {
  readonly settings: QueueSettings
  readonly creation: QueueCreation
  readonly minIntervalSinceDeleteMs: number
}

/** Returns nothing where the queue's record was changed concurrently. */
const tryToCreate = async (
  engine: Engine,
  name: string,
  { settings, creation, minIntervalSinceDeleteMs }: PlannedQueue,
): Promise<{ queue: Queue; created: boolean } | undefined> => {
  const [document, layout] = await Promise.all([
    engine.store.getDocument(queueKey(name), { consistent: true }),
    readLayout(engine.store, name, { consistent: true }),
  ])
  const before = document && checkRecord(document)
  const existing = queueState(name, document, layout)
  if (existing) return { queue: asQueue(matching(existing, creation)), created: false }
  const now = engine.clock.now()
  if (before?.deletedAt !== undefined && isWithinInterval(minIntervalSinceDeleteMs, before.deletedAt, now)) {
    const message = `queue ${plainName(name)} was deleted a moment ago: create it again ${minIntervalSinceDeleteMs / 1_000} s after that`
    throw new HoldfastError('QueueDeletedRecently', message, { queue: name })
  }
  const record = newRecord(settings, creation, Math.max(now, (before?.createdAt ?? 0) + 1))
  const version = document?.version ?? 0
  const state = withLayout({ ...record, name, version: version + 1 }, {}, layout?.version ?? 0)
  const { applied } = await engine.store.transact([
    { kind: 'put', key: queueKey(name), value: recordValue(record), ifVersion: version },
    { kind: 'put', key: queueListKey(name), value: {} },
    // The layout of an earlier queue would expire under this one, and its versions would begin anew while processes know the last one.
    ...(layout ? [layoutWrite(state, layoutOf(state))] : []),
  ])
  if (!applied) return undefined
  engine.queues.put({ ...state, layoutVersion: state.layoutVersion + (layout ? 1 : 0) }, now)
  return { queue: asQueue(state), created: true }
}

/** @param createdAt names the generation, so it is later than that of every queue of the name before, also where a clock has gone back */
const newRecord = (
  settings: QueueSettings,
  { tags = {}, extras = {} }: QueueCreation,
  createdAt: number,
): QueueRecord => ({
  settings,
  generation: createdAt.toString(36),
  createdAt,
  modifiedAt: createdAt,
  tags,
  extras,
})

/** The queue that exists. @throws `QueueExists` with the first field of the request that is different in it */
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
        `queue ${plainName(existing.name)} exists with another ${field}: update the queue to change it`,
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
