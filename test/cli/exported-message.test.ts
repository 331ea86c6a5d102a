import { expect, test } from 'vitest'
import { messageToImport } from '../../cli/transfer/exported-message.ts'

const EXPORTED = { messageId: '1', publishedAt: '2030-01-01T00:00:00Z', state: 'ready', body: 'a', priority: 0 }

test('a line of an export without attributes is a message without attributes', () => {
  expect(messageToImport(EXPORTED)).toEqual({ body: 'a' })
  expect(messageToImport({ ...EXPORTED, attributes: null })).toEqual({ body: 'a' })
  expect(messageToImport({ ...EXPORTED, attributes: { a: 'b' } })).toEqual({ body: 'a', attributes: { a: 'b' } })
})

test('attributes that are no object are left for the API to refuse', () => {
  expect(messageToImport({ ...EXPORTED, attributes: 'x' })).toEqual({ body: 'a', attributes: 'x' })
})
