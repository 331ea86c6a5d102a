import { createHash, randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { Content } from '../../../lib/model/content.ts'
import { FRESH, type Lease, type Segment, type Slot } from '../../../lib/model/segment.ts'
import { type SegmentPartition, sortKey } from '../../../lib/model/segment-key.ts'
import type { NewSegment } from '../../../lib/store/port.ts'
import { START } from '../../support/manual-clock.ts'

/** A place that no other test uses. */
export const newPartition = (): SegmentPartition => ({ queue: `q-${randomUUID()}`, generation: 'g1', shard: 0 })

export const unique = (n: number): string => n.toString(16).padStart(14, '0')

export const segmentIn = (partition: SegmentPartition, change: Partial<Segment> & { n?: number } = {}): Segment => {
  const { n = 1, ...rest } = change
  return {
    key: { partition, sort: sortKey({ priority: 0, dueAt: START, unique: unique(n) }) },
    version: 1,
    slots: [FRESH],
    publishedAt: START,
    expiresAt: START + 345_600_000,
    bodyItems: 0,
    ...rest,
  }
}

export const textContent = (...texts: string[]): Content => ({ messages: texts.map((body) => ({ body })) })

export const textSegment = (
  partition: SegmentPartition,
  texts: readonly string[],
  change: Partial<Segment> & { n?: number } = {},
): NewSegment => ({
  segment: segmentIn(partition, { slots: texts.map(() => FRESH), ...change }),
  content: textContent(...texts),
})

export const token = (n: number): Uint8Array => Uint8Array.of(n, 1, 2, 3, 4, 5, 6, 7)

export const lease = (change: Partial<Lease> & { n?: number } = {}): Lease => {
  const { n = 1, ...rest } = change
  return {
    kind: 'lease',
    token: token(n),
    until: START + 30_000,
    receiveCount: 1,
    firstReceivedAt: START,
    backingOff: false,
    ...rest,
  }
}

/** Slots put in place one by one, as changes put them: a new segment is always fresh. */
export const slotChanges = (slots: readonly Slot[]): (readonly [number, Slot])[] =>
  [...slots.entries()].filter(([, slot]) => slot.kind !== 'fresh')

/** Content to compare: large bodies as their digests, for which a difference is found, and shown, in no time. */
export const comparable = (content: Content | undefined) =>
  content?.messages.map((message) =>
    message.body.length < 10_000
      ? message
      : {
          ...message,
          body: `${message.body.constructor.name} ${createHash('sha256').update(message.body).digest('hex')}`,
        },
  )

/** What a transaction answers whose first failed write is this one. */
export const failedAt = (write: number) => ({
  applied: false,
  failures: [expect.objectContaining({ write })],
})
