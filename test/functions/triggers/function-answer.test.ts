import { describe, expect, test } from 'vitest'
import { answerOf, functionError } from '../../../functions/triggers/function-answer.ts'

const answered = (...failed: string[]) => ({ kind: 'answered', failed: new Set(failed) })

describe('an answer', () => {
  test.each([
    '',
    'null',
    '{}',
    '{"batchItemFailures":null}',
    '{"batchItemFailures":[]}',
    '{"statusCode":200}',
    '"done"',
    '7',
    '[]',
  ])('%s acks the whole batch', (payload) => expect(answerOf(payload, ['a', 'b'])).toEqual(answered()))

  test('names messages that failed', () => {
    expect(answerOf('{"batchItemFailures":[{"itemIdentifier":"b"}]}', ['a', 'b'])).toEqual(answered('b'))
  })

  test.each([
    '{"batchItemFailures":[{"itemIdentifier":"c"}]}',
    '{"batchItemFailures":[{"itemIdentifier":""}]}',
    '{"batchItemFailures":[{"itemIdentifier":null}]}',
    '{"batchItemFailures":[{"itemId":"a"}]}',
    '{"batchItemFailures":[null]}',
    '{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}',
    '{"batchItemFailures":"a"}',
    '{"batchItemFailures":{}}',
    '{not JSON',
  ])('%s fails the whole batch', (payload) => expect(answerOf(payload, ['a', 'b'])).toMatchObject({ kind: 'failed' }))
})

test('a function error is told by type and message', () => {
  expect(functionError('Unhandled', '{"errorType":"TypeError","errorMessage":"x is not a function"}')).toBe(
    'TypeError: x is not a function',
  )
  expect(functionError('Unhandled', '{"errorMessage":"Task timed out after 3.00 seconds"}')).toBe(
    'Unhandled: Task timed out after 3.00 seconds',
  )
  expect(functionError('Unhandled', 'not JSON')).toBe('Unhandled')
})
