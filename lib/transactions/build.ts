import type { Engine } from '../engine.ts'
import { groupHash, groupPartition } from '../model/group.ts'
import { checkMessage } from '../model/message-rules.ts'
import type { QueueState } from '../model/queue-record.ts'
import { segmentId } from '../model/segment-key.ts'
import type { FirstPublish } from '../publish/deduplication.ts'
import { checkGroupMessage } from '../publish/group-publish.ts'
import { isFree } from '../publish/publish-once.ts'
import { markGrouped } from '../queues/shards.ts'
import { ackChange } from '../settle/ack.ts'
import { bestEffort } from '../store/best-effort.ts'
import { queueKey } from '../store/keys.ts'
import type { NewSegment } from '../store/port.ts'
import { markerWrite } from './marker.ts'
import type { Part, ReadState } from './part.ts'
import { type Publishing, placeMessages, publishings, ticketId } from './placement.ts'
import { type AckedSegment, ackedSegments, type TransactionRequest } from './request.ts'
import { checkOutcomes, resultParts } from './result-parts.ts'

export interface BuildOptions {
  /** Adds a check of the record of each queue that is published to. */
  readonly strict: boolean
  /** The marker of a transaction with an id. */
  readonly marker: { readonly queue: string; readonly transactionId: string } | undefined
  /** The name of this attempt in the marker. */
  readonly attempt: string
  /** Reads first what otherwise only a cancellation shows: the last numbers of groups, and ids that are unique while pending. */
  readonly reads: boolean
}

/** The writes of one attempt, and what its follow-up needs. */
export interface Built {
  readonly request: TransactionRequest
  readonly parts: readonly Part[]
  /** Epoch ms. */
  readonly builtAt: number
  readonly attempt: string
  readonly acked: readonly AckedSegment[]
  readonly placed: readonly { readonly queue: QueueState; readonly segments: readonly NewSegment[] }[]
  /** The published messages, in their order. */
  readonly sent: readonly FirstPublish[]
}

/**
 * Builds the writes of a transaction: one for each segment with acked messages, each new segment, each group's ticket and each
 * deduplication id.
 *
 * reads: the queues' records, from the cache where it is fresh; with `strict` the record of each queue that is published to,
 * from the store · writes: that a queue has message groups, once in its life · INVARIANT: no two parts write the same item.
 * Segments with acked messages are stored already, and new segments have new keys. Each ticket, id and record has one part.
 *
 * @throws `InvalidRequest`, `MessageTooLarge`, `QueueNotFound`, `ReceiptHandleInvalid`
 */
export const buildTransaction = async (
  engine: Engine,
  request: TransactionRequest,
  found: ReadState,
  options: BuildOptions,
): Promise<Built> => {
  const queues = await queuesOf(engine, request, options)
  const toPublish = publishingsOf(request, queues)
  if (options.reads) for (const [queue, messages] of toPublish) await readAhead(engine, queue, messages, found)
  checkOutcomes(request.acks, queues)
  const now = engine.clock.now()
  const acked = ackedSegments(request.acks, queues, now)
  const results = await Promise.all(acked.map((one) => resultParts(engine, one, request.acks, found, now)))
  const placements = [...toPublish].map(([queue, messages]) => ({
    queue,
    placement: placeMessages(engine, queue, messages, found),
  }))
  const sent = new Map(placements.flatMap(({ placement }) => [...placement.sent]))
  return {
    request,
    parts: [
      ...markerPart(engine, options, found),
      ...acked.map((one) => ackPart(one, found, now)),
      ...results.flat(),
      ...(options.strict ? placements.map(({ queue }) => checkPart(queue)) : []),
      ...placements.flatMap(({ placement }) => placement.parts),
    ],
    builtAt: now,
    attempt: options.attempt,
    acked,
    placed: placements.map(({ queue, placement }) => ({ queue, segments: placement.segments })),
    sent: request.publishes.map((_, position) => sent.get(position) as FirstPublish),
  }
}

const queuesOf = async (
  engine: Engine,
  { acks, publishes }: TransactionRequest,
  { strict }: BuildOptions,
): Promise<Map<string, QueueState>> => {
  const published = new Set(publishes.map(({ queue }) => queue))
  // The record of a queue is read again when an ack has an outcome and the cached record says that the queue keeps no results.
  const withOutcome = new Set(acks.filter(({ outcome }) => outcome).map(({ queue }) => queue))
  const names = new Set([...acks.map(({ queue }) => queue), ...published])
  const states = [...names].map(async (name) => {
    const state = strict && published.has(name) ? engine.queues.fresh(name) : engine.queues.get(name)
    return withOutcome.has(name) && !(await state).settings.results ? engine.queues.fresh(name) : state
  })
  const queues = new Map((await Promise.all(states)).map((queue) => [queue.name, queue]))
  for (const { queue: name, message } of publishes) {
    const queue = queues.get(name) as QueueState
    if (!queue.settings.fifo && !queue.grouped && message.groupId !== undefined) {
      queues.set(name, await markGrouped(engine, queue))
    }
  }
  return queues
}

const publishingsOf = (
  { publishes }: TransactionRequest,
  queues: ReadonlyMap<string, QueueState>,
): Map<QueueState, Publishing[]> => {
  const byQueue = new Map<QueueState, { position: number; message: Publishing['message'] }[]>()
  for (const [position, { queue: name, message }] of publishes.entries()) {
    const queue = queues.get(name) as QueueState
    checkMessage(queue, message, `messages[${position}]`)
    if (queue.settings.fifo) checkGroupMessage(message, `messages[${position}]`)
    const messages = byQueue.get(queue) ?? []
    byQueue.set(queue, messages)
    messages.push({ position, message })
  }
  return new Map([...byQueue].map(([queue, messages]) => [queue, publishings(queue, messages)]))
}

const UNPERMITTED = { except: ['AccessDenied'] } as const

/**
 * reads: the ticket of each group of a FIFO queue, 1 RRU each; the record of each deduplication id that is unique while
 * pending, 1 RRU, and the message that has the id
 */
const readAhead = async (
  engine: Engine,
  queue: QueueState,
  messages: readonly Publishing[],
  found: ReadState,
): Promise<void> => {
  const groups = queue.settings.fifo ? new Set(messages.map(({ message }) => groupHash(message.groupId as string))) : []
  for (const group of groups) {
    const partition = groupPartition(queue, group)
    const range = { partition, from: group, to: group, limit: 1, consistent: true }
    // A publisher's role may lack the right to read tickets. Then a stale number shows as a cancellation when the actions are sent.
    const page = await bestEffort(engine.store.tickets(range), undefined, UNPERMITTED)
    const ticket = page?.tickets[0]
    if (ticket) found.lastSequences.set(ticketId({ partition, group }), ticket.lastSequence)
  }
  if (queue.settings.deduplicationMode !== 'pending') return
  for (const { position, deduplicationKey } of messages) {
    if (!deduplicationKey) continue
    const read = engine.store.getDocument(deduplicationKey, { consistent: true })
    const document = await bestEffort(read, undefined, UNPERMITTED)
    if (document && (await isFree(engine, queue, document))) found.replaces.set(position, document.version)
  }
}

const markerPart = (engine: Engine, { marker, attempt }: BuildOptions, found: ReadState): Part[] =>
  marker
    ? [
        {
          write: markerWrite(engine, marker, { state: 'committed', attempt, replaces: found.marker }),
          origin: { kind: 'marker', transactionId: marker.transactionId },
        },
      ]
    : []

const ackPart = (acked: AckedSegment, found: ReadState, now: number): Part => ({
  write: {
    kind: 'change',
    change: ackChange(acked.key, acked.held, found.segments.get(segmentId(acked.key)), now),
  },
  origin: { kind: 'ack', acked },
})

const checkPart = ({ name, version }: QueueState): Part => ({
  write: { kind: 'check', key: queueKey(name), ifVersion: version },
  origin: { kind: 'queue', queue: name },
})
