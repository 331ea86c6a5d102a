import { expect, test } from 'vitest'
import { awsFailure } from '../../../functions/runtime/aws-failure.ts'
import type { Log } from '../../../functions/runtime/log.ts'
import { reportingDenials } from '../../../functions/runtime/missing-rights.ts'
import { invokeRedrive } from '../../../functions/runtime/redrive-invocation.ts'
import { HoldfastError } from '../../../lib/model/errors.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'

const DENIED = new HoldfastError('AccessDenied', 'not authorized')

test('a denied operation is reported and fails as before', async () => {
  const denials: unknown[] = []
  const failing: Store = { ...memoryStore(), getDocument: () => Promise.reject(DENIED) }
  const store = reportingDenials(failing, (...denial) => denials.push(denial))
  await expect(store.getDocument({ partition: 'q#orders', sort: 'q' })).rejects.toBe(DENIED)
  expect(denials).toEqual([['getDocument', DENIED]])
})

test('a denied change among others is reported, and its outcome stays', async () => {
  const denials: unknown[] = []
  const outcomes = [
    { applied: true, segment: undefined } as const,
    { applied: false, segment: undefined, error: DENIED } as const,
  ]
  const store = reportingDenials({ ...memoryStore(), change: async () => outcomes }, (...denial) =>
    denials.push(denial),
  )
  expect(await store.change([])).toBe(outcomes)
  expect(denials).toEqual([['change', DENIED]])
})

test('other failures, and what is found or not, are not reported', async () => {
  const denials: unknown[] = []
  const throttled = new HoldfastError('Throttled', 'slow down')
  const failing: Store = {
    ...memoryStore(),
    transact: () => Promise.reject(throttled),
    change: async () => [{ applied: false, segment: undefined, error: throttled }],
    read: async () => [undefined],
  }
  const store = reportingDenials(failing, (...denial) => denials.push(denial))
  await expect(store.transact([])).rejects.toBe(throttled)
  await store.change([])
  expect(await store.read([])).toEqual([undefined])
  expect(await store.getDocument({ partition: 'q#orders', sort: 'q' })).toBeUndefined()
  expect(denials).toEqual([])
})

const logOf = () => {
  const lines: string[] = []
  const note = (level: string) => () => void lines.push(level)
  const log: Log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') }
  return { log, lines }
}

test.each([
  ['may not be invoked', awsFailure('refused', 403), 'error', 1],
  [
    'may not be invoked, as AWS’s client says it',
    Object.assign(new Error('no'), { name: 'AccessDeniedException' }),
    'error',
    1,
  ],
  ['is throttled', awsFailure('slow down', 429), 'warn', 0],
  ['can not be reached', new Error('no route'), 'warn', 0],
])('a redrive whose function %s is left to its schedule and logged', async (_, failure, level, missing) => {
  const { log, lines } = logOf()
  let rights = 0
  process.env.HOLDFAST_REDRIVE_FUNCTION = 'redriveRun'
  await invokeRedrive(
    log,
    () => Promise.reject(failure),
    () => void rights++,
  )('orders', 'task')
  delete process.env.HOLDFAST_REDRIVE_FUNCTION
  expect([lines, rights]).toEqual([[level], missing])
})
