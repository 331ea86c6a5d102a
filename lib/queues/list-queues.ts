import type { Engine } from '../engine.ts'
import { invalid } from '../model/errors.ts'
import { type FieldNames, knownFields } from '../model/known-fields.ts'
import { LIMITS } from '../model/limits.ts'
import { checkWholeNumber } from '../model/number-checks.ts'
import { isQueueName } from '../model/queue-name.ts'
import { asQueue, type QueueState } from '../model/queue-record.ts'
import type { Queue } from '../model/queue-settings.ts'
import { queueListPartition } from '../store/keys.ts'
import { unreadableIn } from '../store/unreadable.ts'
import { readQueue } from './read-queue.ts'
import { reportItem } from './report-unreadable.ts'

export interface QueuePage {
  readonly queues: readonly Queue[]
  /** Give it back to get the next page. */
  readonly cursor?: string
}

/** Queues of one account and region, by name. Names alone: `listQueueNames`, which reads no settings. */
export const listQueues = async (engine: Engine, query: ListQuery = {}): Promise<QueuePage> => {
  const { states, cursor } = await listQueueStates(engine, query)
  return { queues: states.map(asQueue), ...(cursor !== undefined && { cursor }) }
}

/** The same with all that is known of each queue, for a caller that goes on with it. */
export const listQueueStates = async (
  engine: Engine,
  query: ListQuery = {},
): Promise<{ readonly states: readonly QueueState[]; readonly cursor?: string }> => {
  checkQuery(query)
  const { names, cursor } = await listQueueNames(engine, query)
  const scope = query.scope ?? ''
  const found = await Promise.all(
    names.map(async (name) => {
      const full = scope === '' ? name : `${scope}/${name}`
      return readableQueue(engine, full)
    }),
  )
  const states = found.filter((state) => state !== undefined)
  return { states, ...(cursor !== undefined && { cursor }) }
}

/** A record that can't be read must not keep callers from the other queues. */
const readableQueue = async (engine: Engine, name: string): Promise<QueueState | undefined> => {
  try {
    return await readQueue(engine.store, name)
  } catch (error) {
    const found = unreadableIn(error)
    if (!found) throw error
    reportItem(engine, name, found.key, found.reason)
    return undefined
  }
}

const checkQuery = (query: ListQuery): void => {
  const { prefix = '', cursor } = knownFields(query, QUERY_FIELDS)
  if (typeof prefix !== 'string' || prefix.length > LIMITS.queueNameLength) {
    throw invalid('prefix', prefix, `must have at most ${LIMITS.queueNameLength} characters`)
  }
  if (cursor !== undefined && (typeof cursor !== 'string' || cursor === '')) {
    throw invalid('cursor', cursor, 'must be one that a page before gave')
  }
}

export interface ListQuery {
  readonly prefix?: string
  /** 1 … 1000. @default 100 */
  readonly limit?: number
  readonly cursor?: string
  /** `<account>/<region>`, when not the default ones. */
  readonly scope?: string
}
const QUERY_FIELDS: FieldNames<ListQuery> = { prefix: true, limit: true, cursor: true, scope: true }

export const listQueueNames = async (
  engine: Engine,
  { prefix = '', limit = 100, cursor, scope = '' }: ListQuery = {},
): Promise<{ names: readonly string[]; cursor?: string }> => {
  checkWholeNumber('limit', limit, 1, LIMITS.listQueuesPage)
  const after = cursor === undefined ? undefined : nameIn(cursor)
  const documents = await engine.store.listDocuments({
    partition: queueListPartition(scope),
    prefix,
    limit: limit + 1,
    consistent: true,
    ...(after !== undefined && { after }),
  })
  const names = documents.slice(0, limit).map(({ sort }) => sort)
  const last = names.at(-1)
  return documents.length > limit && last !== undefined ? { names, cursor: cursorBehind(last) } : { names }
}

/** The cursor of the page that begins behind a name. */
export const cursorBehind = (name: string): string => Buffer.from(name, 'utf8').toString('base64url')

/** @throws `InvalidRequest` for a text that is no cursor of a page */
const nameIn = (cursor: string): string => {
  const name = Buffer.from(cursor, 'base64url').toString('utf8')
  if (!isQueueName(name)) throw invalid('cursor', cursor, 'must be the cursor of an earlier page')
  return name
}
