import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  decodeReceiptHandle,
  type IssuedHandle,
  issueReceiptHandle,
  type ReceiptHandle,
  receiptHandleFor,
} from '../../../lib/model/receipt-handle.ts'
import { sortKey } from '../../../lib/model/segment-key.ts'
import { START } from '../../support/manual-clock.ts'

const HANDLE: IssuedHandle = {
  shard: 3,
  sort: sortKey({ priority: 1, dueAt: START, unique: '00f00000000001' }),
  index: 4,
  nonce: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  count: 25,
  claimed: 2,
  gone: 1,
  receiveCount: 7,
  firstReceivedAt: START + 5,
  receivedAt: START + 9,
  claim: { version: 12, publishedAt: START + 3, expiresAt: START + 60_000, keptUntil: START + 180_000 },
}
const FIFO_GROUP = { hash: '0123456789abcd', lastSequence: '019ca9450a00001' }
const FAIR_GROUP = { hash: '01234567', lastSequence: '' }
const invalid = expect.objectContaining({ code: 'ReceiptHandleInvalid' })

test.each([
  ['without a group', HANDLE, 92],
  ['in a group of a FIFO queue', { ...HANDLE, group: FIFO_GROUP }, 116],
])('a receipt handle %s gives back what it was made of', (_, handle, length) => {
  const { text, token } = issueReceiptHandle('orders', handle)
  expect(text).toHaveLength(length)
  expect(decodeReceiptHandle(text)).toEqual({ ...handle, token })
  expect(token).toHaveLength(8)
})

test('a receipt handle in a group of a standard queue gives back the group', () => {
  const { text, token } = issueReceiptHandle('orders', { ...HANDLE, group: FAIR_GROUP })
  const { group, ...handle } = decodeReceiptHandle(text) as ReceiptHandle
  expect([handle, group?.hash]).toEqual([{ ...HANDLE, token }, FAIR_GROUP.hash])
})

test('a receipt handle is good for its own queue only', () => {
  const { text, token } = issueReceiptHandle('orders', HANDLE)
  expect(receiptHandleFor('orders', text, START)).toEqual({ ...HANDLE, token })
  for (const other of ['invoices', '111122223333/eu-west-1/orders'])
    expect(() => receiptHandleFor(other, text, START)).toThrow(invalid)
})

test.each([
  ['', HANDLE],
  [' in a group of a FIFO queue', { ...HANDLE, group: FIFO_GROUP }],
  [' in a group of a standard queue', { ...HANDLE, group: FAIR_GROUP }],
])('no bit of a receipt handle%s can be changed without naming another lease', (_, handle) => {
  const { text, token } = issueReceiptHandle('orders', handle)
  const bytes = Buffer.from(text, 'base64url')
  let stillHandles = 0
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const edited = Buffer.from(bytes)
    edited[bit >> 3] = (edited[bit >> 3] as number) ^ (1 << (bit & 7))
    const read = decodeReceiptHandle(edited.toString('base64url'))
    if (!read) continue
    stillHandles++
    expect(read.token).not.toEqual(token)
  }
  expect(stillHandles).toBeGreaterThan(300)
})

/** A handle as it was issued: under the format's number less 3 a generation, without what it says of the claim. */
const ofGeneration = (before: number, handle: IssuedHandle): string => {
  const bytes = Buffer.from(issueReceiptHandle('orders', handle).text, 'base64url')
  bytes[0] = (bytes[0] as number) - 3 * before
  return bytes.subarray(0, bytes.length - 21).toString('base64url')
}

describe('a receipt handle without a claim version, which earlier versions made', () => {
  const SINCE = Date.UTC(2026, 11, 15)
  const WEEK_MS = 604_800_000
  const old = (handle: IssuedHandle): string => ofGeneration(1, handle)
  const { claim: _, ...WITHOUT_CLAIM } = HANDLE

  test.each([
    ['', HANDLE, WITHOUT_CLAIM],
    [' in a group of a FIFO queue', { ...HANDLE, group: FIFO_GROUP }, { ...WITHOUT_CLAIM, group: FIFO_GROUP }],
  ])('holds its lease by the hash of what it is%s', (_name, handle, read) => {
    const token = createHash('sha256')
      .update(Buffer.from(old(handle), 'base64url'))
      .digest()
      .subarray(0, 8)
    expect(receiptHandleFor('orders', old(handle), START)).toEqual({ ...read, token: new Uint8Array(token) })
  })

  test('is good until the longest lease from that time has ended', () => {
    const last = old({ ...HANDLE, receivedAt: SINCE - 1 })
    expect(receiptHandleFor('orders', last, SINCE + WEEK_MS - 1).index).toBe(HANDLE.index)
    expect(() => receiptHandleFor('orders', last, SINCE + WEEK_MS)).toThrow(invalid)
  })

  test('does not stand for a lease that was taken since', () => {
    expect(() => receiptHandleFor('orders', old({ ...HANDLE, receivedAt: SINCE }), SINCE)).toThrow(invalid)
  })
})

describe('a receipt handle from before tokens were hashes', () => {
  /** As it was issued: the token where the nonce is now. */
  const old = (handle: IssuedHandle): string => ofGeneration(2, handle)
  const { claim: _, ...WITHOUT_CLAIM } = HANDLE
  const SINCE = Date.UTC(2026, 11, 1)
  const WEEK_MS = 604_800_000

  test.each([
    ['', HANDLE, WITHOUT_CLAIM],
    [' in a group of a FIFO queue', { ...HANDLE, group: FIFO_GROUP }, { ...WITHOUT_CLAIM, group: FIFO_GROUP }],
  ])('holds its lease by the token in it%s', (_name, handle, read) => {
    expect(receiptHandleFor('orders', old(handle), START)).toEqual({ ...read, token: HANDLE.nonce })
  })

  test('is good until the longest lease from that time has ended', () => {
    const last = old({ ...HANDLE, receivedAt: SINCE - 1 })
    expect(receiptHandleFor('orders', last, SINCE + WEEK_MS - 1).token).toEqual(HANDLE.nonce)
    expect(() => receiptHandleFor('orders', last, SINCE + WEEK_MS)).toThrow(invalid)
  })

  test('does not stand for a lease that was taken since', () => {
    expect(() => receiptHandleFor('orders', old({ ...HANDLE, receivedAt: SINCE }), SINCE)).toThrow(invalid)
  })
})

describe('what is no receipt handle is refused', () => {
  const good = issueReceiptHandle('orders', HANDLE).text
  const spoiled = (at: number, byte: number): string => {
    const bytes = Buffer.from(good, 'base64url')
    bytes[at] = byte
    return bytes.toString('base64url')
  }
  test.each([
    ['nothing', ''],
    ['a word', 'handle'],
    ['one that was cut', good.slice(0, -1)],
    ['one that grew', `${good}A`],
    ['one with a character of another alphabet', `+${good.slice(1)}`],
    ['one of another format', spoiled(0, 10)],
    ['one of no format', spoiled(0, 0)],
    ['one of a group without the group', spoiled(0, 8)],
    ['one with a shard that there can not be', spoiled(7, 128)],
    ['one with a place outside of its segment', spoiled(22, 25)],
    ['one of a segment too large', spoiled(31, 26)],
  ])('%s', (_, text) => {
    expect(() => receiptHandleFor('orders', text, START)).toThrow(invalid)
  })
  test('a number', () => {
    expect(() => receiptHandleFor('orders', 7 as unknown as string, START)).toThrow(invalid)
  })
})
