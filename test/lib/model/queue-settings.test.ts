import { describe, expect, test } from 'vitest'
import { checkWholeNumber } from '../../../lib/model/number-checks.ts'
import { checkQueueName, plainName } from '../../../lib/model/queue-name.ts'
import { applySettings, DEFAULT_SETTINGS, type SettingsChange } from '../../../lib/model/queue-settings.ts'
import { type RetryPolicy, retryDelayMs } from '../../../lib/model/retry-policy.ts'

describe('settings', () => {
  test('are those of SQS by default', () => {
    expect(applySettings('orders', {})).toEqual(DEFAULT_SETTINGS)
    expect(DEFAULT_SETTINGS).toMatchObject({
      visibilityTimeoutSeconds: 30,
      delaySeconds: 0,
      retentionSeconds: 345_600,
      maximumMessageBytes: 1_048_576,
      receiveWaitTimeSeconds: 0,
      priorities: 1,
      shards: 1,
    })
  })

  test('that a change does not name stay, and null removes an optional one', () => {
    const before = applySettings('orders', { delaySeconds: 5, deadLetter: { queue: 'dead', maxReceives: 3 } })
    expect(applySettings('orders', { deadLetter: null }, before)).toEqual({ ...DEFAULT_SETTINGS, delaySeconds: 5 })
  })

  test('that do not exist are refused, with the one that was probably meant', () => {
    for (const [change, message] of [
      [{ visibilityTimeout: 5 }, 'visibilityTimeout (5) is not a known field: did you mean visibilityTimeoutSeconds?'],
      [{ deadletter: { queue: 'a' } }, 'deadletter ({"queue":"a"}) is not a known field: did you mean deadLetter?'],
      [
        { deadLetter: { queue: 'a', maxReceive: 3 } },
        'deadLetter.maxReceive (3) is not a known field: did you mean maxReceives?',
      ],
      [{ fifo: { x: true } }, /^fifo\.x \(true\) is not a known field: there are contentBasedDeduplication, /],
      [{ constructor: 1 }, /^constructor \(1\) is not a known field: there are /],
      [{ ['x'.repeat(10_000)]: 1 }, /^x{100}… \(1\) is not a known field: /],
    ] as const) {
      expect(() => applySettings('orders', change as SettingsChange)).toThrow(message)
    }
  })

  test('keep a queue of its kind', () => {
    const fifo = { contentBasedDeduplication: false, deduplicationScope: 'queue', throughputLimit: 'perQueue' } as const
    const standard = applySettings('orders', {})
    const steps = applySettings('steps.fifo', { fifo })
    expect(() => applySettings('orders', { fifo }, standard)).toThrow('a queue never changes its kind')
    expect(() => applySettings('steps.fifo', { fifo: null }, steps)).toThrow('steps.fifo is a FIFO queue')
    expect(applySettings('orders', { fifo: null }, standard)).toEqual(standard)
    expect(applySettings('steps.fifo', { fifo }, steps)).toEqual(steps)
  })

  test('with one value name it, and no range', () => {
    expect(() => checkWholeNumber('priority', 3, 0, 0)).toThrow('priority must be 0, but is 3')
    expect(() => checkWholeNumber('priority', 3, 0, 2)).toThrow('priority must be a whole number from 0 to 2, but is 3')
  })

  const policy: RetryPolicy = { initialSeconds: 1, factor: 2, maximumSeconds: 60, jitter: 'none' }
  test.each<[string, SettingsChange]>([
    ['visibilityTimeoutSeconds', { visibilityTimeoutSeconds: -1 }],
    ['visibilityTimeoutSeconds', { visibilityTimeoutSeconds: 604_801 }],
    ['visibilityTimeoutSeconds', { visibilityTimeoutSeconds: 1.5 }],
    ['delaySeconds', { delaySeconds: Number.NaN }],
    ['retentionSeconds', { retentionSeconds: 59 }],
    ['retentionSeconds', { retentionSeconds: 31_536_001 }],
    ['maximumMessageBytes', { maximumMessageBytes: 1_023 }],
    ['maximumMessageBytes', { maximumMessageBytes: 1_048_577 }],
    ['receiveWaitTimeSeconds', { receiveWaitTimeSeconds: 21 }],
    ['priorities', { priorities: 0 }],
    ['priorities', { priorities: 11 }],
    ['shards', { shards: 101 }],
    ['deadLetter.maxReceives', { deadLetter: { queue: 'dead', maxReceives: 0 } }],
    ['deadLetter.maxReceives', { deadLetter: { queue: 'dead', maxReceives: 1_001 } }],
    ['deadLetter.queue', { deadLetter: { queue: 'no name', maxReceives: 1 } }],
    ['deadLetter.queue', { deadLetter: { queue: 'dead.fifo', maxReceives: 1 } }],
    ['retryPolicy.initialSeconds', { retryPolicy: { ...policy, initialSeconds: -1 } }],
    ['retryPolicy.factor', { retryPolicy: { ...policy, factor: 0.5 } }],
    ['retryPolicy.maximumSeconds', { retryPolicy: { ...policy, maximumSeconds: Number.POSITIVE_INFINITY } }],
    ['retryPolicy.jitter', { retryPolicy: { ...policy, jitter: 'some' as 'none' } }],
  ])('name the field %s at fault in %j', (field, change) => {
    expect(() => applySettings('orders', change)).toThrow(
      expect.objectContaining({ code: 'InvalidRequest', fields: expect.objectContaining({ field }) }),
    )
  })
})

describe('a queue name', () => {
  test.each(['a', 'orders', 'Orders_2-b', 'x'.repeat(80), 'orders.fifo', '111122223333/eu-west-1/orders'])(
    '%s is taken',
    (name) => {
      expect(() => checkQueueName(name)).not.toThrow()
    },
  )
  test.each(['', ' ', 'a b', 'a#b', 'a.b', 'a/b', '.fifo', 'x'.repeat(81), 'ä', '1111/eu-west-1/orders'])(
    '%j is refused',
    (name) => {
      expect(() => checkQueueName(name)).toThrow(expect.objectContaining({ code: 'InvalidRequest' }))
    },
  )
  test('is plain without its account and region', () => {
    expect(plainName('111122223333/eu-west-1/orders')).toBe('orders')
    expect(plainName('orders')).toBe('orders')
  })
})

describe('the rest after a nack', () => {
  const policy: RetryPolicy = { initialSeconds: 2, factor: 3, maximumSeconds: 50, jitter: 'none' }
  test.each([
    [1, 2_000],
    [2, 6_000],
    [3, 18_000],
    [4, 50_000],
    [1_000, 50_000],
  ])('after receive %i is %i ms', (receiveCount, restMs) => {
    expect(retryDelayMs(policy, receiveCount, 0.9)).toBe(restMs)
  })
  test('is drawn from all of it with full jitter', () => {
    expect(retryDelayMs({ ...policy, jitter: 'full' }, 2, 0)).toBe(0)
    expect(retryDelayMs({ ...policy, jitter: 'full' }, 2, 0.5)).toBe(3_000)
  })
  test('stays a number after more receives than its power has digits', () => {
    expect(retryDelayMs({ ...policy, initialSeconds: 0, factor: 100 }, 32_767, 0.5)).toBe(0)
    expect(retryDelayMs({ ...policy, initialSeconds: 1, factor: 100 }, 32_767, 0.5)).toBe(policy.maximumSeconds * 1_000)
  })
  test('is none without a policy', () => {
    expect(retryDelayMs(undefined, 5, 0.5)).toBe(0)
  })
})
