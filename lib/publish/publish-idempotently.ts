import { createHash, type Hash } from 'node:crypto'
import type { Engine } from '../engine.ts'
import { HoldfastError, invalid, isHoldfastError } from '../model/errors.ts'
import { groupPartition, isOrdered, sequenceAfter, sequenceNumber, sequenceOf } from '../model/group.ts'
import { LIMITS } from '../model/limits.ts'
import { type Body, bodyText, type NewMessage, type PublishResult } from '../model/message.ts'
import { decodeMessageId } from '../model/message-id.ts'
import { IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_RULE } from '../model/message-rules.ts'
import type { QueueState } from '../model/queue-record.ts'
import { idempotencyRecordKey } from '../store/keys.ts'
import type { Document } from '../store/port.ts'
import { valueIn } from '../store/unreadable.ts'
import { touchWrite } from './group-place.ts'
import { byGroup, markGroupPublished, placeInGroups } from './group-publish.ts'
import { asDuplicate, entriesOf, type IdempotentRequest, publishOnce } from './publish-once.ts'
import { markReadyGroups, type Planned, placeSegments, planSegments } from './standard-place.ts'

/**
 * A publish with an idempotency key can be repeated after a lost answer.
 *
 * INVARIANT: of all tries of a request, sequential or concurrent, exactly one stores the messages, and every try that
 * succeeds returns the same message ids. One transaction inserts the segments and the request's record, on condition that
 * there is no record. The record is a document of its own and outlives the messages: neither an ack nor a purge lets a
 * repeat store them again. Tries may differ in the clock, the shards and the queue's settings, because no key is derived
 * from the request: a try that finds the record returns the recorded answer.
 *
 * The record is kept for ten minutes. A repeat that comes later is a new request.
 */
export const publishIdempotently = async (
  engine: Engine,
  queue: QueueState,
  idempotencyKey: string,
  messages: readonly NewMessage[],
): Promise<PublishResult[]> => {
  if (typeof idempotencyKey !== 'string' || !IDEMPOTENCY_KEY.test(idempotencyKey)) {
    throw invalid('idempotencyKey', idempotencyKey, IDEMPOTENCY_KEY_RULE)
  }
  const results = new Array<PublishResult>(messages.length)
  const { entries, repeats } = entriesOf(queue, messages)
  const request = requestOf(engine, queue, { idempotencyKey, messages, repeats })
  const place = queue.settings.fifo ? placeInGroups(engine, queue) : placeSegments(engine, queue)
  let isRepeat = false
  const recorded: IdempotentRequest['recorded'] = (document) => {
    isRepeat = true
    return request.recorded(document)
  }
  await publishOnce(engine, queue, entries, place, results, { ...request, recorded })
  fillRepeats(results, repeats)
  if (queue.settings.fifo) for (const group of byGroup(entries).keys()) markGroupPublished(engine, queue, group)
  else {
    const planned = planSegments(engine, queue, entries)
    const error = isRepeat ? await touchAgain(engine, queue, planned) : undefined
    if (error) results.fill({ ok: false, error })
    markReadyGroups(engine, queue, planned)
  }
  if (results.some(({ ok }) => ok)) engine.wakeups.wake(queue.name, messages.length)
  return results
}

/**
 * Writes the tickets of a repeat's groups again. The earlier try may have been late, so that its tickets are in a shard that polls do not
 * scan any more. The ids of messages in groups do not show the shard.
 *
 * writes: one update a group, 1 WRU
 */
const touchAgain = async (
  engine: Engine,
  queue: QueueState,
  planned: readonly Planned[],
): Promise<HoldfastError | undefined> => {
  const groups = new Set(planned.map(({ plan }) => plan.group).filter((group) => group !== undefined))
  const touches = [...groups].map((group) => {
    const mark = Buffer.from(engine.random.bytes(8)).toString('hex')
    return touchWrite(engine, { partition: groupPartition(queue, group), group }, mark)
  })
  try {
    await Promise.all(touches.map((write) => engine.store.transact([write])))
    return undefined
  } catch (cause) {
    if (!isHoldfastError(cause)) throw cause
    const message =
      'the messages are stored, but the tickets of their groups could not be written: publish again with the same key'
    return new HoldfastError('StoreUnavailable', message, { queue: queue.name }, { cause })
  }
}

type Repeats = ReturnType<typeof entriesOf>['repeats']

const fillRepeats = (results: PublishResult[], repeats: Repeats): void => {
  for (const [position, of] of repeats) results[position] ??= asDuplicate(results[of] as PublishResult)
}

/** The stored record, in short form: a record of 25 messages costs one WRU. */
interface RequestRecord {
  /** Fingerprint of the messages. */
  readonly f: string
  /** The message ids, 16 bytes each, base64url. */
  readonly m: string
  /** Positions of messages whose deduplication id an earlier message had. */
  readonly d?: readonly number[]
}

interface Parts {
  readonly idempotencyKey: string
  readonly messages: readonly NewMessage[]
  readonly repeats: Repeats
}

const requestOf = (
  engine: Engine,
  queue: QueueState,
  { idempotencyKey, messages, repeats }: Parts,
): IdempotentRequest => {
  const key = idempotencyRecordKey(queue, createHash('sha256').update(idempotencyKey).digest('hex').slice(0, 40))
  const fingerprint = fingerprintOf(messages)
  return {
    record: (stored) => {
      const results = [...stored]
      fillRepeats(results, repeats)
      const value = { f: fingerprint, ...outcomesOf(results) }
      const expiresAt = engine.clock.now() + LIMITS.idempotencyKeySeconds * 1_000
      return { kind: 'put', key, value, ifVersion: 0, expiresAt }
    },
    recorded: (document: Document) => {
      const record = valueIn<RequestRecord>(document, { f: 'string', m: 'string' })
      if (record.f === fingerprint) return resultsIn(queue, record)
      throw new HoldfastError(
        'InvalidRequest',
        'the idempotency key was used before, with other messages: give each call a key of its own',
        {
          field: 'idempotencyKey',
          value: idempotencyKey,
          queue: queue.name,
        },
      )
    },
  }
}

const outcomesOf = (results: readonly PublishResult[]): Omit<RequestRecord, 'f'> => {
  const duplicates = results.flatMap((result, position) => (result.ok && result.duplicate ? [position] : []))
  const ids = results.map((result) => (result.ok ? Buffer.from(result.messageId.replaceAll('-', ''), 'hex') : NO_ID))
  return { m: Buffer.concat(ids).toString('base64url'), ...(duplicates.length > 0 && { d: duplicates }) }
}

const ID_BYTES = 16
const NO_ID = Buffer.alloc(ID_BYTES)

const resultsIn = (queue: QueueState, { m, d = [] }: RequestRecord): PublishResult[] => {
  const ids = Buffer.from(m, 'base64url')
  return Array.from({ length: ids.length / ID_BYTES }, (_, position) => {
    const messageId = asUuid(ids.subarray(position * ID_BYTES, (position + 1) * ID_BYTES).toString('hex'))
    return {
      ok: true,
      messageId,
      ...sequenceIn(queue, messageId),
      ...(d.includes(position) && { duplicate: true }),
    }
  })
}

const asUuid = (hex: string): string =>
  [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')

/** The sequence number of a message of a FIFO queue, whose id holds the segment's first number and the message's place in it. */
const sequenceIn = ({ settings }: QueueState, messageId: string): { sequenceNumber?: string } => {
  const address = decodeMessageId(messageId, { standard: settings.fifo === undefined })
  if (!address || !isOrdered(address.group)) return {}
  return { sequenceNumber: sequenceNumber(sequenceAfter(sequenceOf(address.sort), address.index)) }
}

/** A hash of all that a publisher gives for messages. Each part is hashed with its length, so that no two requests have one text. */
const fingerprintOf = (messages: readonly NewMessage[]): string => {
  const hash = createHash('sha256')
  for (const { body, attributes = {}, ...options } of messages) {
    addText(hash, JSON.stringify(options))
    addBody(hash, body)
    addText(hash, String(Object.keys(attributes).length))
    for (const [name, { dataType, value }] of Object.entries(attributes)) {
      addText(hash, name)
      addText(hash, dataType)
      addBody(hash, value)
    }
  }
  return hash.digest('base64url').slice(0, 22)
}

const addText = (hash: Hash, text: string): void => {
  hash.update(`${Buffer.byteLength(text)} `).update(text)
}

const addBody = (hash: Hash, body: Body): void => {
  const kind = typeof body === 'string' ? 's' : body instanceof Uint8Array ? 'b' : 'j'
  addText(hash, `${kind}${bodyText(body)}`)
}
