import { describe, expect, test } from 'vitest'
import {
  decodeReceiptHandle,
  encodeReceiptHandle,
  type ReceiptHandle,
  receiptHandleFor,
} from '../../../lib/model/receipt-handle.ts'
import { sortKey } from '../../../lib/model/segment-key.ts'
import { START } from '../../support/manual-clock.ts'

const HANDLE: ReceiptHandle = {
  shard: 3,
  sort: sortKey({ priority: 1, dueAt: START, unique: '00f00000000001' }),
  index: 4,
  token: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  count: 25,
  claimed: 2,
  gone: 1,
  receiveCount: 7,
  firstReceivedAt: START + 5,
  receivedAt: START + 9,
}

test('a receipt handle gives back what it was made of', () => {
  expect(decodeReceiptHandle(encodeReceiptHandle('orders', HANDLE))).toEqual(HANDLE)
})

test('a receipt handle is good for its own queue only', () => {
  const text = encodeReceiptHandle('orders', HANDLE)
  expect(receiptHandleFor('orders', text)).toEqual(HANDLE)
  expect(() => receiptHandleFor('invoices', text)).toThrow(expect.objectContaining({ code: 'ReceiptHandleInvalid' }))
  expect(() => receiptHandleFor('111122223333/eu-west-1/orders', text)).toThrow(
    expect.objectContaining({ code: 'ReceiptHandleInvalid' }),
  )
})

describe('what is no receipt handle is refused', () => {
  const good = encodeReceiptHandle('orders', HANDLE)
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
    ['one of another format', spoiled(0, 9)],
    ['one with a shard that there can not be', spoiled(7, 128)],
    ['one with a place outside of its segment', spoiled(22, 25)],
    ['one of a segment too large', spoiled(31, 26)],
  ])('%s', (_, text) => {
    expect(() => receiptHandleFor('orders', text)).toThrow(expect.objectContaining({ code: 'ReceiptHandleInvalid' }))
  })
  test('a number', () => {
    expect(() => receiptHandleFor('orders', 7 as unknown as string)).toThrow(
      expect.objectContaining({ code: 'ReceiptHandleInvalid' }),
    )
  })
})
