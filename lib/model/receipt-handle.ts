import { createHash } from 'node:crypto'
import { HoldfastError } from './errors.ts'
import { groupPartition, isFairGroup } from './group.ts'
import { LIMITS } from './limits.ts'
import { partitionOf, type QueueState } from './queue-record.ts'
import { TOKEN_BYTES } from './segment.ts'
import type { SegmentKey } from './segment-key.ts'

/**
 * What a consumer shows to ack, extend or nack. It is self-contained: where the message is, and what was known at the
 * claim, so that none of these needs a read before its write.
 *
 * INVARIANT: the lease token, which every conditional write checks, is the hash of the whole handle. So a handle that was
 * edited anywhere names another lease, and nothing in it needs to be distrusted: neither when the message was received,
 * which limits how long a lease may be extended, nor its receive count, which decides when it is dead-lettered. A nonce
 * in the handle makes it unguessable for everyone else; no secret is needed.
 */
export interface ReceiptHandle {
  readonly shard: number
  readonly sort: string
  readonly index: number
  readonly nonce: Uint8Array
  readonly token: Uint8Array
  /** Messages the segment was published with. */
  readonly count: number
  /** Messages the claim left neither acked nor unleased by it: when all of them are acked at once, one delete does. */
  readonly claimed: number
  /** Messages that were already gone at the claim. */
  readonly gone: number
  readonly receiveCount: number
  readonly firstReceivedAt: number
  /** When this lease was taken, epoch ms. */
  readonly receivedAt: number
  /** For a message of a FIFO queue. */
  readonly group?: HandleGroup
}

export interface HandleGroup {
  /** Hash of the message group; a short one on standard queues, where the rest is of no use. */
  readonly hash: string
  /** The last sequence number given in the group when it was taken from. */
  readonly lastSequence: string
}

/**
 *     format 1 · queue 6 · shard 1 · priority digit 1 · due time 6 · unique 7 · index 1 · nonce 8
 *     · count 1 · claimed 1 · gone 1 · receive count 2 · first received 6 · received 6      = 48 bytes, base64url
 *     · group's hash 7 · its last sequence number 8 · 3 unused, on FIFO queues              = 66 bytes
 *     · group's hash 4 · 14 unused, in groups of standard queues
 */
const FORMAT = 4
const GROUP_FORMAT = 5
const FAIR_GROUP_FORMAT = 6
const BYTES = 48
const GROUP_BYTES = 66
const QUEUE_BYTES = 6
export const NONCE_BYTES = 8
const TEXT = /^[A-Za-z0-9_-]{64}(?:[A-Za-z0-9_-]{24})?$/

/**
 * Formats 1 to 3 are these less 3, with the token itself in place of the nonce: leases that were taken before tokens
 * were hashes. They are good until the longest of these leases has ended, so that an upgrade loses none.
 */
const BEFORE_HASHES = 3
const HASHED_SINCE = Date.UTC(2026, 11, 1)
const OLD_LEASES_OVER = HASHED_SINCE + LIMITS.visibilityTimeoutSeconds * 1_000

/** A receipt handle for a claim that is about to be made, and the lease token that it is good for. */
export const issueReceiptHandle = (
  queue: string,
  handle: Omit<ReceiptHandle, 'token'>,
): { readonly text: string; readonly token: Uint8Array } => {
  const { group } = handle
  // From the pool that Node has for it: memory of its own for each handle costs more than what is written into it.
  const bytes = Buffer.allocUnsafe(group ? GROUP_BYTES : BYTES).fill(0)
  bytes[0] = !group ? FORMAT : isFairGroup(group.hash) ? FAIR_GROUP_FORMAT : GROUP_FORMAT
  bytes.set(fingerprint(queue), 1)
  bytes[7] = handle.shard
  bytes[8] = Number(handle.sort[0])
  bytes.write(handle.sort.slice(1), 9, 13, 'hex')
  bytes[22] = handle.index
  bytes.set(handle.nonce, 23)
  bytes[31] = handle.count
  bytes[32] = handle.claimed
  bytes[33] = handle.gone
  bytes.writeUInt16BE(handle.receiveCount, 34)
  bytes.writeUIntBE(handle.firstReceivedAt, 36, 6)
  bytes.writeUIntBE(handle.receivedAt, 42, 6)
  if (group) {
    bytes.write(group.hash, 48, group.hash.length / 2, 'hex')
    bytes.write(group.lastSequence.padStart(16, '0'), 55, 8, 'hex')
  }
  return { text: bytes.toString('base64url'), token: tokenOf(bytes) }
}

const tokenOf = (bytes: Buffer): Uint8Array =>
  new Uint8Array(createHash('sha256').update(bytes).digest().subarray(0, TOKEN_BYTES))

/** The handle in a text, or nothing when it is none of ours. Whose queue it is of stays unchecked. */
export const decodeReceiptHandle = (text: string): ReceiptHandle | undefined => {
  const bytes = bytesOf(text)
  return bytes && handleIn(bytes)
}

const isOld = (bytes: Buffer): boolean => bytes.readUInt8(0) <= BEFORE_HASHES

const handleIn = (bytes: Buffer): ReceiptHandle => {
  const nonce = new Uint8Array(bytes.subarray(23, 23 + NONCE_BYTES))
  const handle = {
    shard: bytes.readUInt8(7),
    sort: `${bytes.readUInt8(8)}${bytes.toString('hex', 9, 22)}`,
    index: bytes.readUInt8(22),
    nonce,
    token: isOld(bytes) ? nonce : tokenOf(bytes),
    count: bytes.readUInt8(31),
    claimed: bytes.readUInt8(32),
    gone: bytes.readUInt8(33),
    receiveCount: bytes.readUInt16BE(34),
    firstReceivedAt: bytes.readUIntBE(36, 6),
    receivedAt: bytes.readUIntBE(42, 6),
  }
  const format = formatOf(bytes)
  if (format === FORMAT) return handle
  const group = {
    hash: bytes.toString('hex', 48, format === FAIR_GROUP_FORMAT ? 52 : 55),
    lastSequence: bytes.toString('hex', 55, 63).slice(1),
  }
  return { group, ...handle }
}

/** @throws `ReceiptHandleInvalid` for what is no handle, or one of another queue. */
export const receiptHandleFor = (queue: string, text: string, now: number): ReceiptHandle => {
  const bytes = bytesOf(text)
  if (
    bytes?.compare(fingerprint(queue), 0, QUEUE_BYTES, 1, 1 + QUEUE_BYTES) !== 0 ||
    (isOld(bytes) && (now >= OLD_LEASES_OVER || handleIn(bytes).receivedAt >= HASHED_SINCE))
  ) {
    throw new HoldfastError('ReceiptHandleInvalid', 'the receipt handle is not one of this queue', {
      field: 'receiptHandle',
      value: typeof text === 'string' ? text.slice(0, 100) : text,
      queue,
    })
  }
  return handleIn(bytes)
}

/** Whether a text is a handle of this queue, as far as it says itself. */
export const isHandleOf = (queue: string, text: string): boolean =>
  bytesOf(text)?.compare(fingerprint(queue), 0, QUEUE_BYTES, 1, 1 + QUEUE_BYTES) === 0

/** Where the message of a handle stands. */
export const keyOfHandle = (queue: QueueState, { shard, sort, group }: ReceiptHandle): SegmentKey => ({
  partition: group ? groupPartition(queue, group.hash) : partitionOf(queue, shard),
  sort,
})

/** The format as it is now, of an old one too. */
const formatOf = (bytes: Buffer): number => {
  const format = bytes.readUInt8(0)
  return format <= BEFORE_HASHES && format > 0 ? format + BEFORE_HASHES : format
}

const bytesOf = (text: string): Buffer | undefined => {
  if (typeof text !== 'string' || !TEXT.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64url')
  const format = formatOf(bytes)
  const wellFormed =
    (bytes.length === GROUP_BYTES ? format === GROUP_FORMAT || format === FAIR_GROUP_FORMAT : format === FORMAT) &&
    bytes.readUInt8(7) <= 127 &&
    bytes.readUInt8(8) <= 9 &&
    bytes.readUInt8(22) < bytes.readUInt8(31)
  return wellFormed && bytes.readUInt8(31) <= 25 ? bytes : undefined
}

const fingerprints = new Map<string, Buffer>()
const fingerprint = (queue: string): Buffer => {
  let bytes = fingerprints.get(queue)
  if (!bytes) {
    if (fingerprints.size >= 10_000) fingerprints.clear()
    bytes = createHash('sha256').update(queue).digest().subarray(0, QUEUE_BYTES)
    fingerprints.set(queue, bytes)
  }
  return bytes
}
