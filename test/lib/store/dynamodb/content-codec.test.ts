import { expect, test } from 'vitest'
import type { ContentMessage } from '../../../../lib/model/content.ts'
import { compressed, packContent, unpackContent } from '../../../../lib/store/dynamodb/content-codec.ts'
import fc from '../../../support/properties.ts'

const anyText = fc.string({ unit: 'grapheme' })
const anyBytes = fc.uint8Array()
const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined })

const anyOrigin = fc.record(
  { queue: anyText, reason: anyText, at: fc.nat(2 ** 47), receiveCount: fc.nat() },
  { noNullPrototype: true },
)

const anyMessage = fc
  .record({
    body: fc.oneof(anyText, anyBytes),
    json: fc.constantFrom(undefined, true as const),
    attributes: optional(
      fc.dictionary(
        anyText,
        fc.record({ dataType: anyText, value: fc.oneof(anyText, anyBytes) }, { noNullPrototype: true }),
        {
          noNullPrototype: true,
        },
      ),
    ),
    groupId: optional(anyText),
    deduplicationId: optional(anyText),
    traceHeader: optional(anyText),
    senderId: optional(anyText),
    messageId: optional(anyText),
    publishedAt: optional(fc.nat(2 ** 47)),
    deadLetter: optional(anyOrigin),
    redriven: optional(
      fc.record(
        { taskId: fc.oneof(fc.uuid(), anyText), publishedAt: fc.nat(2 ** 47), deadLetter: anyOrigin },
        { requiredKeys: ['taskId', 'publishedAt'], noNullPrototype: true },
      ),
    ),
  })
  .map(
    (message) =>
      Object.fromEntries(
        Object.entries(message).filter(([, value]) => value !== undefined),
      ) as unknown as ContentMessage,
  )

test('content comes back as it was, plain and compressed', () => {
  fc.assert(
    fc.property(fc.array(anyMessage, { minLength: 1, maxLength: 5 }), (messages) => {
      const packed = packContent({ messages })
      expect(unpackContent(packed)).toStrictEqual({ messages })
      expect(unpackContent(compressed(packed))).toStrictEqual({ messages })
    }),
  )
})

test('a message of nothing but a short text takes two bytes more', () => {
  expect(packContent({ messages: [{ body: 'abc' }] })).toStrictEqual(Uint8Array.of(0, 0x91, 0xa3, 0x61, 0x62, 0x63))
})

test('repetition is compressed away, across messages', () => {
  const messages = Array.from({ length: 10 }, (_, n) => ({ body: `{"order":${n},"state":"created","currency":"EUR"}` }))
  const packed = packContent({ messages })
  expect(compressed(packed).length).toBeLessThan(packed.length / 3)
})

test('what does not compress stays as it is', () => {
  const packed = packContent({ messages: [{ body: Uint8Array.of(7, 99, 254) }] })
  expect(compressed(packed)).toBe(packed)
})
