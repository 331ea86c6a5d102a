import { describe, expect, test } from 'vitest'
import type { Content } from '../../../lib/model/content.ts'
import { fairGroupHash, groupHash } from '../../../lib/model/group.ts'
import { FRESH } from '../../../lib/model/segment.ts'
import { sortFrom, sortKey, sortRightBehind, sortUpTo } from '../../../lib/model/segment-key.ts'
import { START } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { comparable, newPartition, segmentIn, textContent, textSegment, unique } from './samples.ts'
import type { Subject } from './subject.ts'

const ALL = { from: '0', to: '~', limit: 100, consistent: true }

const CONTENTS: Record<string, Content> = {
  'a short text': textContent('hello'),
  'an empty text': textContent(''),
  'text beyond ASCII': textContent('grüße, 世界, 🙂, \u0000'),
  JSON: { messages: [{ body: '{"id":7,"tags":["a"]}', json: true }] },
  bytes: { messages: [{ body: Uint8Array.of(0, 255, 1) }] },
  'no bytes': { messages: [{ body: new Uint8Array(0) }] },
  'all that a message can carry': {
    messages: [
      {
        body: 'text',
        attributes: {
          colour: { dataType: 'String', value: 'blue' },
          weight: { dataType: 'Number.kg', value: '12.5' },
          stamp: { dataType: 'Binary', value: Uint8Array.of(9, 8) },
          ['__proto__']: { dataType: 'String', value: 'own' },
        },
        groupId: 'group',
        deduplicationId: 'once',
        traceHeader: 'Root=1-5759e988-bd862e3fe1be46a994272793',
        senderId: 'AIDA',
        messageId: 'f81d4fae-7dec-81d0-a765-00a0c91e6bf6',
        publishedAt: START - 5,
        deadLetter: { queue: 'orders', reason: 'MaxReceivesExceeded', at: START, receiveCount: 3 },
      },
    ],
  },
  'twenty-five messages alike': textContent(...Array.from({ length: 25 }, (_, n) => `{"order":${n},"state":"new"}`)),
  'a mebibyte that compresses': textContent('abcdefgh'.repeat(131_072)),
  'a mebibyte that does not compress': { messages: [{ body: seededRandom(7).bytes(1_048_576) }] },
  'several large messages': { messages: [1, 2, 3].map((seed) => ({ body: seededRandom(seed).bytes(300_000) })) },
}

export const segmentContract = (subject: () => Subject): void => {
  describe('segments', () => {
    test.each(Object.entries(CONTENTS))('%s comes back as it was written', async (_, content) => {
      const { store } = subject()
      const segment = segmentIn(newPartition(), { slots: content.messages.map(() => FRESH) })
      expect(await store.insert({ segment, content })).toBe('inserted')
      const [stored] = await store.read([segment.key])
      expect(comparable(stored?.content)).toStrictEqual(comparable(content))
      expect({ ...stored?.segment, bodyItems: 0 }).toEqual(segment)
    })

    test('a segment keeps its times to the millisecond, and its expiry to the second', async () => {
      const { store } = subject()
      const partition = newPartition()
      const segment = segmentIn(partition, {
        key: { partition, sort: sortKey({ priority: 3, dueAt: START + 86_400_001, unique: unique(1) }) },
        publishedAt: START + 7,
        expiresAt: START + 90_000_000,
      })
      await store.insert({ segment, content: textContent('later') })
      expect(await store.read([segment.key])).toEqual([{ segment, content: textContent('later') }])
    })

    test.each([
      ['of a FIFO queue, whose keys hold a number in its place', groupHash('a'), START + 60_000],
      ['of a FIFO queue, and not delayed', groupHash('a'), START + 7],
      ['of a standard queue', fairGroupHash('a'), undefined],
    ])('a delayed segment in a message group keeps its due time: %s', async (_, group, dueAt) => {
      const { store } = subject()
      const partition = { ...newPartition(), group }
      const segment = segmentIn(partition, {
        key: { partition, sort: sortKey({ priority: 0, dueAt: START + 60_000, unique: unique(1) }) },
        publishedAt: START + 7,
        ...(dueAt !== undefined && { dueAt }),
      })
      await store.insert({ segment, content: textContent('later') })
      expect(await store.read([segment.key])).toEqual([{ segment, content: textContent('later') }])
      expect((await store.headers({ partition, ...ALL })).segments).toEqual([segment])
    })

    test('an insert whose key is taken changes nothing', async () => {
      const { store } = subject()
      const partition = newPartition()
      const first = textSegment(partition, ['first', 'more'])
      await store.insert(first)
      expect(await store.insert(textSegment(partition, ['second']))).toBe('exists')
      expect(await store.read([first.segment.key])).toEqual([first])
    })

    test('a large insert repeated is found to exist, and stays whole', async () => {
      const { store } = subject()
      const large = textSegment(newPartition(), ['x'])
      const content = { messages: [{ body: seededRandom(3).bytes(500_000) }] }
      await store.insert({ ...large, content })
      expect(await store.insert({ ...large, content })).toBe('exists')
      const [stored] = await store.read([large.segment.key])
      expect(comparable(stored?.content)).toStrictEqual(comparable(content))
    })

    test('reading answers in the order asked, and nothing where there is nothing', async () => {
      const { store } = subject()
      const partition = newPartition()
      const [one, two] = [textSegment(partition, ['one'], { n: 1 }), textSegment(partition, ['two'], { n: 2 })]
      await store.insert(one)
      await store.insert(two)
      const absent = segmentIn(partition, { n: 9 }).key
      expect(await store.read([two.segment.key, absent, one.segment.key])).toEqual([two, undefined, one])
      expect(await store.read([])).toEqual([])
    })

    test('equal sort keys of different partitions are different segments', async () => {
      const { store } = subject()
      const partition = newPartition()
      const here = textSegment(partition, ['here'])
      const there = textSegment({ ...partition, shard: 1 }, ['there'])
      await store.insert(here)
      await store.insert(there)
      expect(await store.read([here.segment.key, there.segment.key])).toEqual([here, there])
    })
  })

  describe('headers', () => {
    test('come in the order of their keys: higher priority first, then by due time', async () => {
      const { store } = subject()
      const partition = newPartition()
      const sorts = [
        sortKey({ priority: 0, dueAt: START, unique: unique(1) }),
        sortKey({ priority: 0, dueAt: START + 1, unique: unique(0) }),
        sortKey({ priority: 2, dueAt: START + 5_000, unique: unique(2) }),
        sortKey({ priority: 0, dueAt: START, unique: unique(3) }),
      ]
      for (const sort of sorts) await store.insert(textSegment(partition, ['x'], { key: { partition, sort } }))
      const page = await store.headers({ partition, ...ALL })
      expect(page.segments.map(({ key }) => key.sort)).toEqual([sorts[2], sorts[0], sorts[3], sorts[1]])
      expect(page.more).toBe(false)
    })

    test('hold all of a segment but its content', async () => {
      const { store } = subject()
      const partition = newPartition()
      const { segment, content } = textSegment(partition, ['a', 'b', 'c'])
      await store.insert({ segment, content })
      expect((await store.headers({ partition, ...ALL })).segments).toEqual([segment])
    })

    test('are those of the range, both ends included', async () => {
      const { store } = subject()
      const partition = newPartition()
      const segments = [1, 2, 3, 4].map((n) => textSegment(partition, ['x'], { n }))
      for (const segment of segments) await store.insert(segment)
      const [first, second, third, fourth] = segments.map(({ segment }) => segment.key.sort) as [
        string,
        string,
        string,
        string,
      ]
      const within = async (from: string, to: string) =>
        (await store.headers({ partition, from, to, limit: 10, consistent: true })).segments.map(({ key }) => key.sort)
      expect(await within(second, third)).toEqual([second, third])
      expect(await within(sortRightBehind(second), fourth)).toEqual([third, fourth])
      expect(await within(sortFrom(0), sortUpTo(0, START))).toEqual([first, second, third, fourth])
      expect(await within(sortFrom(0), sortUpTo(0, START - 1))).toEqual([])
    })

    test('of a range that ends before it starts are none', async () => {
      const { store } = subject()
      const partition = newPartition()
      const { segment, content } = textSegment(partition, ['x'])
      await store.insert({ segment, content })
      const { sort } = segment.key
      const page = await store.headers({ partition, from: sortRightBehind(sort), to: sort, limit: 10 })
      expect(page).toEqual({ segments: [], more: false })
    })

    test('come in pages of the limit, each with whether more may follow', async () => {
      const { store } = subject()
      const partition = newPartition()
      for (let n = 1; n <= 5; n++) await store.insert(textSegment(partition, ['x'], { n }))
      const seen: string[] = []
      let from = '0'
      for (let pages = 1; ; pages++) {
        const page = await store.headers({ partition, from, to: '~', limit: 2, consistent: true })
        expect(page.segments.length).toBeLessThanOrEqual(2)
        seen.push(...page.segments.map(({ key }) => key.sort))
        const last = page.segments.at(-1)
        if (!page.more || !last) break
        expect(pages).toBeLessThan(5)
        from = sortRightBehind(last.key.sort)
      }
      expect(seen).toEqual([1, 2, 3, 4, 5].map((n) => segmentIn(partition, { n }).key.sort))
    })

    test('are none in a partition that was never written to', async () => {
      const { store } = subject()
      expect(await store.headers({ partition: newPartition(), ...ALL })).toEqual({ segments: [], more: false })
    })
  })
}
