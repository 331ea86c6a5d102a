import { describe, expect, test } from 'vitest'
import type { Content } from '../../../../lib/model/content.ts'
import { FRESH, GONE } from '../../../../lib/model/segment.ts'
import { headerItem, type Item } from '../../../../lib/store/dynamodb/header-item.ts'
import { bodyKey, segmentItems } from '../../../../lib/store/dynamodb/segment-items.ts'
import { contentIn } from '../../../../lib/store/dynamodb/segments.ts'
import { START } from '../../../support/manual-clock.ts'
import { seededRandom } from '../../../support/seeded-random.ts'
import { lease, newPartition, segmentIn, textContent } from '../samples.ts'

/** What DynamoDB bills for an item: names and values; numbers at two digits a byte and one more. */
const billedBytes = (item: Item): number =>
  Object.entries(item).reduce((sum, [name, value]) => {
    const digits = value.N?.replace(/^-/, '').replace(/0+$/, '').length ?? 0
    const size =
      value.S !== undefined ? Buffer.byteLength(value.S) : value.B ? value.B.length : Math.ceil(digits / 2) + 1
    return sum + Buffer.byteLength(name) + size
  }, 0)

const itemsOf = (content: Content) =>
  segmentItems({ segment: segmentIn(newPartition(), { slots: content.messages.map(() => FRESH) }), content })

/** The header at its largest: every message leased, some gone, at a high version, published with a delay. */
const grown = (content: Content): Item => {
  const { header } = itemsOf(content)
  const slots = content.messages.map((_, index) =>
    index === 0 ? lease({ until: 2 ** 47 }) : lease({ receiveCount: 99 }),
  )
  const worst = headerItem(
    segmentIn(newPartition(), { slots, version: 98_765, publishedAt: START - 1, bodyItems: Number(header.b?.N ?? 0) }),
  )
  return { ...worst, ...(header.p && { p: header.p }), g: { N: '24' } }
}

const textOf = (bytes: number): string =>
  Buffer.from(seededRandom(bytes).bytes(bytes))
    .toString('latin1')
    .replace(/[^ -~]/g, 'x')

describe('content stays in the header while that is within one write unit', () => {
  test.each(Array.from({ length: 60 }, (_, n) => n * 20))('%i bytes that do not compress', (bytes) => {
    const content: Content = { messages: [{ body: seededRandom(bytes).bytes(bytes) }] }
    const { header, bodies } = itemsOf(content)
    expect(header.p !== undefined || bodies.length > 0).toBe(true)
    expect(billedBytes(grown(content))).toBeLessThanOrEqual(1_024)
    // Not given up too early either: what is left unused is room for numbers to grow.
    if (bodies.length > 0) expect(bytes).toBeGreaterThan(780)
  })

  test.each([1, 2, 5, 10, 25])('%i messages', (count) => {
    for (const bytes of [1, 10, 30, 60, 100, 200, 400]) {
      const content = textContent(...Array.from({ length: count }, (_, n) => textOf(bytes + n)))
      expect(billedBytes(grown(content))).toBeLessThanOrEqual(1_024)
    }
  })
})

test('content that compresses into the header stays there', () => {
  const content = textContent(
    ...Array.from({ length: 10 }, (_, n) =>
      `{"order":${n},"state":"created","sum":"99.00","currency":"EUR"}`.repeat(2),
    ),
  )
  const { header, bodies } = itemsOf(content)
  expect(bodies).toEqual([])
  expect(header.p?.B?.[0]).toBe(1)
})

test('content that compresses, but not into the header, is compressed in its body', () => {
  const { header, bodies } = itemsOf(textContent(textOf(3_000).repeat(20)))
  expect(header.b).toEqual({ N: '1' })
  expect(bodies).toHaveLength(1)
  expect(bodies[0]?.p?.B?.length).toBeLessThan(6_000)
})

describe('content that does not fit into the header', () => {
  test.each(Array.from({ length: 40 }, (_, n) => 1_000 + n * 97))('is whole in its body, %i bytes', (bytes) => {
    const content: Content = { messages: [{ body: seededRandom(bytes).bytes(bytes) }] }
    const { header, bodies } = itemsOf(content)
    expect(header.p).toBeUndefined()
    const segment = segmentIn(newPartition(), { bodyItems: bodies.length })
    const read = new Map(
      bodies.map(({ p }, piece) => {
        const { pk, sk } = bodyKey(segment.key, piece)
        return [`${pk?.S} ${sk?.S}`, p?.B ?? new Uint8Array(0)]
      }),
    )
    expect(contentIn(undefined, segment, read)).toEqual({ content })
    expect(contentIn(undefined, segment, new Map())).toEqual({ content: undefined })
  })
})

test('a mebibyte is cut into pieces within the size of an item', () => {
  const { bodies } = itemsOf({ messages: [{ body: seededRandom(1).bytes(1_048_576) }] })
  expect(bodies.map(({ p }) => p?.B?.length)).toEqual([384_000, 384_000, 280_583])
})

test('a header with messages gone stays as readable as one without', () => {
  const item = headerItem(segmentIn(newPartition(), { slots: [GONE, FRESH, lease()] }))
  expect(item.g).toEqual({ N: '1' })
  expect(item.A).toEqual({ B: new Uint8Array(0) })
  expect(item.B).toBeUndefined()
  expect(item.C?.B).toHaveLength(23)
})
