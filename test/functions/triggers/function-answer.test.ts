import { describe, expect, test } from 'vitest'
import { answerOf, functionError } from '../../../functions/triggers/function-answer.ts'

const answered = (...failed: string[]) => ({ kind: 'answered', failed: new Set(failed) })

const SUCCESSES: readonly (readonly [what: string, payload: string])[] = [
  ['nothing', ''],
  ['null', 'null'],
  ['an empty object', '{}'],
  ['a null list', '{"batchItemFailures":null}'],
  ['an empty list', '{"batchItemFailures":[]}'],
  ['an empty list, with white space', ' { "batchItemFailures" : [ ] } '],
  ['an object that reports nothing', '{"statusCode":200}'],
  // Written for API Gateway: Lambda takes it for a success, too.
  ['a report in a body', '{"statusCode":200,"body":"{\\"batchItemFailures\\":[{\\"itemIdentifier\\":\\"a\\"}]}"}'],
  ['a key in another case', '{"BatchItemFailures":[{"itemIdentifier":"a"}]}'],
  ['a text', '"done"'],
  ['an empty text', '""'],
  ['a number', '7'],
  ['a boolean', 'false'],
  ['a list of what each message came to', '[null,{"ok":true}]'],
]

const FAILURES: readonly (readonly [what: string, payload: string])[] = [
  ['an id that is not in the batch', '{"batchItemFailures":[{"itemIdentifier":"c"}]}'],
  ['a receipt handle or another case of an id', '{"batchItemFailures":[{"itemIdentifier":"A"}]}'],
  ['an empty id', '{"batchItemFailures":[{"itemIdentifier":""}]}'],
  ['a null id', '{"batchItemFailures":[{"itemIdentifier":null}]}'],
  ['an id that is a number', '{"batchItemFailures":[{"itemIdentifier":1}]}'],
  ['no id', '{"batchItemFailures":[{}]}'],
  ['another key', '{"batchItemFailures":[{"itemId":"a"}]}'],
  ['a key in another case', '{"batchItemFailures":[{"ItemIdentifier":"a"}]}'],
  ['a null entry', '{"batchItemFailures":[null]}'],
  ['ids without objects', '{"batchItemFailures":["a"]}'],
  ['an entry that is a list', '{"batchItemFailures":[["a"]]}'],
  ['one of the batch and one that is not', '{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}'],
  ['a text in place of the list', '{"batchItemFailures":"a"}'],
  ['an empty text in place of the list', '{"batchItemFailures":""}'],
  ['an object in place of the list', '{"batchItemFailures":{}}'],
  ['false in place of the list', '{"batchItemFailures":false}'],
  ['0 in place of the list', '{"batchItemFailures":0}'],
  ['what is not JSON', '{not JSON'],
  ['JSON that is cut off', '{"batchItemFailures":[{"itemIdentifier":"a"}'],
  ['two documents', '{} {}'],
  ['a bare list of failures', '[{"itemIdentifier":"a"}]'],
  ['a report as a text', '"{\\"batchItemFailures\\":[{\\"itemIdentifier\\":\\"a\\"}]}"'],
]

describe('an answer', () => {
  test.each(SUCCESSES)('with %s acks the whole batch', (_, payload) =>
    expect(answerOf(payload, ['a', 'b'])).toEqual(answered()),
  )

  test.each(FAILURES)('with %s fails the whole batch', (_, payload) =>
    expect(answerOf(payload, ['a', 'b'])).toMatchObject({ kind: 'failed', error: expect.stringMatching(/\S/) }),
  )

  test.each([
    ['one', '{"batchItemFailures":[{"itemIdentifier":"b"}]}', ['b']],
    ['all', '{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"a"}]}', ['a', 'b']],
    ['one twice', '{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"a"}]}', ['a']],
    ['one, with more beside', '{"batchItemFailures":[{"itemIdentifier":"a","why":"x"}],"count":1}', ['a']],
  ])('names %s of the messages', (_, payload, failed) =>
    expect(answerOf(payload, ['a', 'b'])).toEqual(answered(...failed)),
  )
})

test('the text of a function error has its type and message', () => {
  expect(functionError('Unhandled', '{"errorType":"TypeError","errorMessage":"x is not a function"}')).toBe(
    'TypeError: x is not a function',
  )
  expect(functionError('Unhandled', '{"errorMessage":"Task timed out after 3.00 seconds"}')).toBe(
    'Unhandled: Task timed out after 3.00 seconds',
  )
  expect(functionError('Unhandled', 'not JSON')).toBe('Unhandled')
})

test('an answer of more brackets than any needs fails the batch, and one that names them in place of an id', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  expect(answerOf(deep, ['a'])).toMatchObject({ kind: 'failed' })
  const within = '['.repeat(150) + ']'.repeat(150)
  expect(answerOf(`{"batchItemFailures":[{"itemIdentifier":${within}}]}`, ['a'])).toEqual({
    kind: 'failed',
    error: 'batchItemFailures names what is no text, which is no message of the batch',
  })
})
