import { describe, expect, test } from 'vitest'
import type { Message } from '../../../lib/model/message.ts'
import { verdictsOf } from '../../../lib/triggers/settle-batch.ts'
import fc from '../../support/properties.ts'

/** Messages by id; those with a group are written `group:id`. */
const batch = (...names: string[]): Message[] =>
  names.map((name) => {
    const [groupId] = name.includes(':') ? name.split(':') : []
    return { messageId: name, ...(groupId !== undefined && { groupId }) } as Message
  })
const idsOf = (verdicts: ReturnType<typeof verdictsOf>) => ({
  acked: verdicts.acked.map(({ messageId }) => messageId),
  nacked: verdicts.nacked.map(({ messageId }) => messageId),
  unreceived: verdicts.unreceived.map(({ messageId }) => messageId),
})
const verdicts = (names: readonly string[], failed: readonly string[], fifo: boolean) =>
  idsOf(verdictsOf(batch(...names), new Set(failed), fifo))

describe('on a FIFO queue', () => {
  test.each([
    ['nothing failed', ['r:1', 'r:2'], [], ['r:1', 'r:2'], [], []],
    ['the first failed', ['r:1', 'r:2', 'r:3'], ['r:1'], [], ['r:1'], ['r:2', 'r:3']],
    ['one in the middle failed', ['r:1', 'r:2', 'r:3'], ['r:2'], ['r:1'], ['r:2'], ['r:3']],
    ['the last failed', ['r:1', 'r:2'], ['r:2'], ['r:1'], ['r:2'], []],
    ['two failed', ['r:1', 'r:2', 'r:3'], ['r:3', 'r:1'], [], ['r:1'], ['r:2', 'r:3']],
    ['one group failed', ['r:1', 'b:1', 'r:2', 'b:2'], ['r:1'], ['b:1', 'b:2'], ['r:1'], ['r:2']],
    ['both groups failed', ['r:1', 'b:1', 'r:2', 'b:2'], ['r:2', 'b:1'], ['r:1'], ['b:1', 'r:2'], ['b:2']],
  ])('when %s, a group goes back from its first failure on', (_, names, failed, acked, nacked, unreceived) => {
    expect(verdicts(names, failed, true)).toEqual({ acked, nacked, unreceived })
  })
})

test('on a standard queue what failed goes back, and the rest of its group is acked', () => {
  expect(verdicts(['r:1', 'r:2', 'x'], ['r:1'], false)).toEqual({
    acked: ['r:2', 'x'],
    nacked: ['r:1'],
    unreceived: [],
  })
})

test('every message of a batch has exactly one verdict, in the order of the batch', () => {
  const names = fc.uniqueArray(
    fc.tuple(fc.constantFrom('r', 'b', 'g'), fc.nat(20)).map(([group, n]) => `${group}:${n}`),
    { minLength: 1, maxLength: 10 },
  )
  fc.assert(
    fc.property(names, fc.func(fc.boolean()), fc.boolean(), (all, fails, fifo) => {
      const { acked, nacked, unreceived } = verdicts(
        all,
        all.filter((name) => fails(name)),
        fifo,
      )
      expect([...acked, ...nacked, ...unreceived].toSorted()).toEqual(all.toSorted())
      for (const part of [acked, nacked, unreceived]) {
        expect(part).toEqual(all.filter((name) => part.includes(name)))
      }
    }),
  )
})
