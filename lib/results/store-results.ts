import type { Engine } from '../engine.ts'
import { withoutRedrive } from '../model/content.ts'
import { isHoldfastError, leaseLostError } from '../model/errors.ts'
import type { HandleResult } from '../model/message.ts'
import type { QueueState } from '../model/queue-record.ts'
import { keyOfHandle } from '../model/receipt-handle.ts'
import { isPrompt, type WorkOutcome } from '../model/result.ts'
import { encodeEntry } from '../model/result-codec.ts'
import { isLeasedUnder, slotAt } from '../model/segment.ts'
import { type SegmentKey, segmentId } from '../model/segment-key.ts'
import { headerAt } from '../store/header-at.ts'
import type { StoredSegment } from '../store/port.ts'
import { isRecordable, type RecordableHandle, refusedResult, resultWrites, type WorkDone } from './write-results.ts'

/** An ack and its place in the request. */
export interface PlacedWork extends WorkDone {
  readonly position: number
}

/**
 * Writes the result items of acks, before any message is removed.
 *
 * reads: the header of a message that was received more than an hour ago, or more than a shorter retention, and the segment of
 * a message that failed · writes: one item a segment, and one for each larger result · condition: the item is absent · a crash
 * leaves an item of a message that is still stored, and no call reads the item as long as the message is stored
 *
 * @returns by position, the errors of acks whose messages must not be removed
 */
export const storeResults = async (
  engine: Engine,
  queue: QueueState,
  works: readonly PlacedWork[],
): Promise<Map<number, HandleResult>> => {
  const now = engine.clock.now()
  const { segments, refused } = bySegment(queue, works, now)
  const refuse = (acks: readonly PlacedWork[], error: unknown): void => {
    if (!isHoldfastError(error)) throw error
    for (const { position } of acks) refused.set(position, { ok: false, error })
  }
  await Promise.all(
    segments.map(async ({ key, acks }) => {
      let held: typeof acks
      try {
        const state = await withStoredState(engine, queue, key, acks, now)
        held = state.held
        refuse(state.lost, leaseLostError(queue.name))
      } catch (error) {
        return refuse(acks, error)
      }
      await Promise.all(
        resultWrites(queue, key, held, now).map(({ write, acks: some }) =>
          engine.store.transact([write]).catch((error: unknown) => refuse(some, error)),
        ),
      )
    }),
  )
  return refused
}

interface AcksOfSegment {
  readonly key: SegmentKey
  readonly acks: (PlacedWork & { readonly handle: RecordableHandle })[]
}

/** The acks whose outcome is recorded, by the segments of their messages, and the errors of those whose result can't be kept. */
const bySegment = (
  queue: QueueState,
  works: readonly PlacedWork[],
  now: number,
): { segments: AcksOfSegment[]; refused: Map<number, HandleResult> } => {
  const refused = new Map<number, HandleResult>()
  const segments = new Map<string, AcksOfSegment>()
  for (const work of works) {
    const { handle, outcome, position } = work
    const error = outcome.kind === 'done' && outcome.result !== undefined && refusedResult(queue, outcome.result)
    if (error) refused.set(position, { ok: false, error })
    else if (isRecordable(queue, handle, now)) {
      const key = keyOfHandle(queue, handle)
      const id = segmentId(key)
      const group = segments.get(id) ?? { key, acks: [] }
      segments.set(id, group)
      group.acks.push({ ...work, handle })
    }
  }
  return { segments: [...segments.values()], refused }
}

/**
 * Reads what late acks and failures need: whether the message is still held, and the message that failed. Leaves out acks of messages that are
 * gone.
 *
 * @returns the acks of messages that are held under their handles, and those of messages that are not. The items of the latter would be
 * wrong, and might expire after the right one. Nor may such an ack go on without an item: a poller that gives back its claim leaves the lease
 * before it, so that the ack would then remove the message
 */
export const withStoredState = async <T extends PlacedWork & { readonly handle: RecordableHandle }>(
  engine: Engine,
  { settings: { results } }: QueueState,
  key: SegmentKey,
  acks: readonly T[],
  now: number,
): Promise<{ held: T[]; lost: T[] }> => {
  const isFailure = ({ outcome }: T) => outcome.kind === 'failed'
  const isLate = ({ handle }: T) => results !== undefined && !isPrompt(results, handle.receivedAt, now)
  if (!acks.some((ack) => isFailure(ack) || isLate(ack))) return { held: [...acks], lost: [] }
  const stored = acks.some(isFailure) ? (await engine.store.read([key]))[0] : await withoutContent(engine, key)
  const held: T[] = []
  const lost: T[] = []
  for (const ack of acks) {
    const slot = stored && slotAt(stored.segment, ack.handle.index)
    if (!isFailure(ack) && !isLate(ack)) held.push(ack)
    else if (stored && slot && slot.kind !== 'gone')
      (isLeasedUnder(slot, ack.handle.token) ? held : lost).push({
        ...ack,
        heldAt: now,
        outcome: withContent(ack, stored),
      })
  }
  return { held, lost }
}

const withoutContent = async (engine: Engine, key: SegmentKey): Promise<StoredSegment | undefined> => {
  const segment = await headerAt(engine.store, key, { consistent: true })
  return segment && { segment, content: undefined }
}

/** A failed message up to this size is kept with its failure, as JSON: an item of DynamoDB has at most 400 KB. */
const MAX_CONTENT_BYTES = 300_000

/** A failure together with the message that failed, so that the message can be sent again. */
const withContent = ({ handle: { index }, outcome }: WorkDone, { segment, content }: StoredSegment): WorkOutcome => {
  const message = content?.messages[index]
  if (outcome.kind !== 'failed' || !message) return outcome
  const whole = { ...withoutRedrive(message), publishedAt: message.publishedAt ?? segment.publishedAt }
  const entry = { index, version: 0, outcome: { ...outcome, content: whole } }
  return Buffer.byteLength(JSON.stringify(encodeEntry(entry)), 'utf8') > MAX_CONTENT_BYTES ? outcome : entry.outcome
}
