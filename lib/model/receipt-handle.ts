import { hash } from 'node:crypto'
import { HoldfastError } from './errors.ts'
import { groupPartition, isFairGroup } from './group.ts'
import { LIMITS } from './limits.ts'
import { partitionOf, type QueueState } from './queue-record.ts'
import { TOKEN_BYTES } from './segment.ts'
import type { SegmentKey } from './segment-key.ts'

/**
 * The text with which a consumer acks, extends or nacks. It holds the message's address and what was known at the claim, so that
 * no operation needs a read before its write.
 *
 * INVARIANT: the lease token, which every conditional write checks, is the hash of the whole handle. So an edited handle names
 * another lease, and the engine can trust everything in a handle: the time of the receive, which limits how long a lease may
 * be extended, and the receive count, which decides when the message is dead-lettered. A nonce makes a handle unguessable, so
 * no secret is needed.
 */
export interface ReceiptHandle {
  readonly shard: number
  readonly sort: string
  readonly index: number
  readonly nonce: Uint8Array
  readonly token: Uint8Array
  /** Messages the segment was published with. */
  readonly count: number
  /** Messages that the claim leased, if no others were left: when all of them are acked at once, one delete is enough. */
  readonly claimed: number
  /** Messages that were already gone at the claim. */
  readonly gone: number
  readonly receiveCount: number
  readonly firstReceivedAt: number
  /** When the message was claimed under this lease, epoch ms. */
  readonly receivedAt: number
  /** For a message of a FIFO queue. */
  readonly group?: HandleGroup
  /** Absent in handles of earlier formats. */
  readonly claim?: HandleClaim
}

/** The data of a claim with which a result is stored: its version, and what was known of the segment. */
export interface HandleClaim {
  /**
   * Version of the header that the claim was decided on.
   *
   * INVARIANT: of two claims of one message in one segment the later one has the higher version. The later claim requires
   * the message to be as it was read, so that read came after the earlier claim's write, which had raised the version; and
   * nothing brings back what a message was like before a claim that reached its consumer (`unreceive`).
   */
  readonly version: number
  /** When the segment was published, epoch ms, to find out whether a purge dropped it. */
  readonly publishedAt: number
  /** Epoch ms, whole seconds: when the message is dropped. */
  readonly expiresAt: number
  /** Epoch ms, whole seconds: until when the header stays in the store, unless it is deleted. */
  readonly keptUntil: number
}

export interface HandleGroup {
  /** Hash of the message group. On standard queues it is a short one. */
  readonly hash: string
  /** The last sequence number given in the group at the claim. */
  readonly lastSequence: string
}

/**
 *     format 1 · queue 6 · shard 1 · priority digit 1 · due time 6 · unique 7 · index 1 · nonce 8
 *     · count 1 · claimed 1 · gone 1 · receive count 2 · first received 6 · received 6      = 48 bytes, base64url
 *     · group's hash 7 · its last sequence number 8 · 3 unused, on FIFO queues              = 66 bytes
 *     · group's hash 4 · 14 unused, in groups of standard queues
 *     · then, of the claim: version 4 · published at 6 · expires at 5 · kept beyond that 4 · 2 unused = 21 bytes
 */
const FORMAT = 7
const GROUP_FORMAT = 8
const FAIR_GROUP_FORMAT = 9
const BASE_BYTES = 48
const GROUP_BASE_BYTES = 66
const CLAIM_BYTES = 21
const QUEUE_BYTES = 6
export const NONCE_BYTES = 8
/** Without the claim 64 or 88 characters, with it 92 or 116. */
const TEXT = /^[A-Za-z0-9_-]{64}(?:[A-Za-z0-9_-]{24}|[A-Za-z0-9_-]{28}|[A-Za-z0-9_-]{52})?$/

/**
 * Formats 4 to 6 are these less 3, without the claim; formats 1 to 3 are those with the token itself in place of the nonce:
 * leases that were taken before tokens were hashes. Each is good until the longest lease of its time has ended, so that an
 * upgrade loses none.
 */
const GENERATIONS = [
  { last: 3, replacedAt: Date.UTC(2026, 11, 1) },
  { last: 6, replacedAt: Date.UTC(2026, 11, 15) },
] as const
const FORMATS_PER_GENERATION = 3
const LONGEST_LEASE_MS = LIMITS.visibilityTimeoutSeconds * 1_000

/** A handle as it is made, before it has a token. */
export type IssuedHandle = Omit<ReceiptHandle, 'token' | 'claim' | 'group'> & {
  readonly claim: HandleClaim
  readonly group?: HandleGroup | undefined
}

/** A receipt handle for a claim that is about to be made, and the lease token that it is good for. */
export const issueReceiptHandle = (
  queue: string,
  handle: IssuedHandle,
): { readonly text: string; readonly token: Uint8Array } => {
  const { group, claim } = handle
  const base = group ? GROUP_BASE_BYTES : BASE_BYTES
  // From Node's pool: an allocation for each handle costs more than the writes into it.
  const bytes = Buffer.allocUnsafe(base + CLAIM_BYTES).fill(0)
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
  bytes.writeUInt32BE(claim.version, base)
  bytes.writeUIntBE(claim.publishedAt, base + 4, 6)
  bytes.writeUIntBE(claim.expiresAt / 1_000, base + 10, 5)
  bytes.writeUInt32BE(Math.max(0, claim.keptUntil - claim.expiresAt) / 1_000, base + 15)
  return { text: bytes.toString('base64url'), token: tokenOf(bytes) }
}

const tokenOf = (bytes: Buffer): Uint8Array => {
  // A digest as a buffer has memory outside of the heap, and takes four times as long.
  const digest = hash('sha256', bytes, 'binary')
  const token = new Uint8Array(TOKEN_BYTES)
  for (let at = 0; at < TOKEN_BYTES; at++) token[at] = digest.charCodeAt(at)
  return token
}

/** The handle in a text, of any queue; `undefined` when the text is no receipt handle. */
export const decodeReceiptHandle = (text: string): ReceiptHandle | undefined => {
  const bytes = bytesOf(text)
  return bytes && handleIn(bytes)
}

const handleIn = (bytes: Buffer): ReceiptHandle => {
  const nonce = new Uint8Array(bytes.subarray(23, 23 + NONCE_BYTES))
  const format = formatOf(bytes)
  const handle = {
    shard: bytes.readUInt8(7),
    sort: `${bytes.readUInt8(8)}${bytes.toString('hex', 9, 22)}`,
    index: bytes.readUInt8(22),
    nonce,
    token: bytes.readUInt8(0) <= GENERATIONS[0].last ? nonce : tokenOf(bytes),
    count: bytes.readUInt8(31),
    claimed: bytes.readUInt8(32),
    gone: bytes.readUInt8(33),
    receiveCount: bytes.readUInt16BE(34),
    firstReceivedAt: bytes.readUIntBE(36, 6),
    receivedAt: bytes.readUIntBE(42, 6),
    ...(bytes.readUInt8(0) >= FORMAT && {
      claim: claimIn(bytes, format === FORMAT ? BASE_BYTES : GROUP_BASE_BYTES),
    }),
  }
  if (format === FORMAT) return handle
  const group = {
    hash: bytes.toString('hex', 48, format === FAIR_GROUP_FORMAT ? 52 : 55),
    lastSequence: bytes.toString('hex', 55, 63).slice(1),
  }
  return { group, ...handle }
}

const claimIn = (bytes: Buffer, at: number): HandleClaim => {
  const expiresAt = bytes.readUIntBE(at + 10, 5) * 1_000
  return {
    version: bytes.readUInt32BE(at),
    publishedAt: bytes.readUIntBE(at + 4, 6),
    expiresAt,
    keptUntil: expiresAt + bytes.readUInt32BE(at + 15) * 1_000,
  }
}

/** Whether no lease can be live any more for which handles of this format were issued. */
const isOutdated = (bytes: Buffer, now: number): boolean => {
  const generation = GENERATIONS.find(({ last }) => bytes.readUInt8(0) <= last)
  if (!generation) return false
  const { replacedAt } = generation
  return now >= replacedAt + LONGEST_LEASE_MS || handleIn(bytes).receivedAt >= replacedAt
}

/** @throws `ReceiptHandleInvalid` for a malformed handle, or one of another queue. */
export const receiptHandleFor = (queue: string, text: string, now: number): ReceiptHandle => {
  const bytes = bytesOf(text)
  if (bytes?.compare(fingerprint(queue), 0, QUEUE_BYTES, 1, 1 + QUEUE_BYTES) !== 0 || isOutdated(bytes, now)) {
    throw new HoldfastError(
      'ReceiptHandleInvalid',
      'the receipt handle is not one of this queue: give the whole receiptHandle that a poll of this queue returned',
      {
        field: 'receiptHandle',
        value: typeof text === 'string' ? text.slice(0, 100) : text,
        queue,
      },
    )
  }
  return handleIn(bytes)
}

/** Whether a text is in the form of a handle of this queue. */
export const isHandleOf = (queue: string, text: string): boolean =>
  bytesOf(text)?.compare(fingerprint(queue), 0, QUEUE_BYTES, 1, 1 + QUEUE_BYTES) === 0

/** The key of the segment that the message of a handle is in. */
export const keyOfHandle = (queue: QueueState, { shard, sort, group }: ReceiptHandle): SegmentKey => ({
  partition: group ? groupPartition(queue, group.hash) : partitionOf(queue, shard),
  sort,
})

/** The present format that corresponds to a handle's own. */
const formatOf = (bytes: Buffer): number => {
  const format = bytes.readUInt8(0)
  return format === 0 || format >= FORMAT ? format : ((format - 1) % FORMATS_PER_GENERATION) + FORMAT
}

const bytesOf = (text: string): Buffer | undefined => {
  if (typeof text !== 'string' || !TEXT.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64url')
  const format = formatOf(bytes)
  const claim = bytes.readUInt8(0) >= FORMAT ? CLAIM_BYTES : 0
  const wellFormed =
    (bytes.length === GROUP_BASE_BYTES + claim
      ? format === GROUP_FORMAT || format === FAIR_GROUP_FORMAT
      : format === FORMAT && bytes.length === BASE_BYTES + claim) &&
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
    bytes = hash('sha256', queue, 'buffer').subarray(0, QUEUE_BYTES)
    fingerprints.set(queue, bytes)
  }
  return bytes
}
