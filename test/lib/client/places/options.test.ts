import { expect, test } from 'vitest'
import { checkOptions } from '../../../../lib/client/places/options.ts'
import { memoryStore } from '../../../../lib/store/keyed/memory-store.ts'

test('options name one place', () => {
  expect(checkOptions({ table: 'holdfast' })).toBe('table')
  expect(checkOptions({ url: 'http://127.0.0.1:9324', region: 'us-east-1' })).toBe('url')
  expect(checkOptions({ store: memoryStore() })).toBe('store')
})

test('an option that is undefined counts as absent', () => {
  expect(checkOptions({ table: 'holdfast', url: undefined, creds: undefined } as never)).toBe('table')
})

test.each([
  [{}, 'none of them'],
  [{ lingerMs: 5 }, 'none of them'],
  [{ table: 'holdfast', url: 'http://127.0.0.1:9324' }, 'table and url'],
])('options %o are refused, because they name no place or several', (options, found) => {
  expect(() => checkOptions(options as never)).toThrow(
    `createClient takes exactly one of the options table, url, store, engine, but was given ${found}`,
  )
})

test('an unknown option is refused with the name that it probably means, and without its value', () => {
  expect(() => checkOptions({ tabel: 'secret' } as never)).toThrow('tabel is not a known field: did you mean table?')
})
