import { afterEach, expect, test, vi } from 'vitest'
import { HoldfastError } from '../../../lib/model/errors.ts'
import { reporter } from '../../../lib/worker/handler.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** The warnings of the process for these errors, where nobody listens to the errors. */
const warningsOf = (...errors: readonly unknown[]): readonly unknown[] => {
  const emitted = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const report = reporter('orders', undefined)
  for (const error of errors) report(error, { during: 'handle' })
  return emitted.mock.calls.map(([text]) => text)
}

test("a warning has the cause of a handler's error, and of Holdfast's own only their message, which names it", () => {
  const cause = new Error('getaddrinfo ENOTFOUND example.com')
  expect(
    warningsOf(
      new TypeError('fetch failed', { cause }),
      new HoldfastError('StoreUnavailable', 'DynamoDB could not be reached', {}, { cause }),
      new Error('out of paper', { cause: 'the printer' }),
      'text',
    ),
  ).toEqual([
    'queue orders, during handle: TypeError: fetch failed (getaddrinfo ENOTFOUND example.com)',
    'queue orders, during handle: HoldfastError: DynamoDB could not be reached',
    'queue orders, during handle: Error: out of paper',
    'queue orders, during handle: text',
  ])
})

test('an error of the listener becomes a warning', () => {
  const emitted = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const failing = () => {
    throw new Error('the log is full')
  }
  reporter('orders', failing)(new Error('out of paper'), { during: 'poll' })
  expect(emitted.mock.calls).toEqual([['queue orders, during poll: Error: the log is full', 'HoldfastWarning']])
})
