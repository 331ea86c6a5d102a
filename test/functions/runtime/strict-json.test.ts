import { describe, expect, test } from 'vitest'
import { JsonFault, parseStrictJson } from '../../../functions/runtime/strict-json.ts'
import fc from '../../support/properties.ts'

const faultOf = (text: string): JsonFault => {
  try {
    parseStrictJson(text)
  } catch (error) {
    if (error instanceof JsonFault) return error
    throw error
  }
  throw new Error('nothing was refused')
}
const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('parseStrictJson', () => {
  test('reads what JSON.parse reads, whatever the space between', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 1, '\t', 4), (text, space) => {
        const value = JSON.parse(text)
        expect(parseStrictJson(JSON.stringify(value, null, space))).toEqual(value)
      }),
    )
  })

  test('reads nothing that JSON.parse refuses', () => {
    const broken = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '"', '}', ']', '0', '\\', '\u0001', ' ', ':', '.'))
      .map(([text, at, inserted]) => {
        const position = at % (text.length + 1)
        return text.slice(0, position) + inserted + text.slice(position + (inserted === '' ? 1 : 0))
      })
      .filter((text) => !isJson(text))
    fc.assert(
      fc.property(broken, (text) => {
        expect(() => parseStrictJson(text)).toThrow(JsonFault)
      }),
    )
  })

  test('refuses a member that is there twice, at any depth and however it is escaped', () => {
    const within = fc.array(fc.constantFrom('array', 'object'), { maxLength: 6 })
    fc.assert(
      fc.property(fc.string(), fc.json(), fc.json(), within, (name, first, second, path) => {
        const escaped = [...name]
          .map((unit) => `\\u${(unit.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)
          .join('')
        fc.pre(JSON.parse(`"${escaped.replace(/\\u[0-9a-f]{5,}/g, '')}"`) === name)
        const twice = `{${JSON.stringify(name)}:${first},"${escaped}":${second}}`
        const text = path.reduce((inner, kind) => (kind === 'array' ? `[0,${inner}]` : `{"x":${inner}}`), twice)
        expect(faultOf(text).message).toBe('is there twice')
      }),
    )
  })

  test('names a prototype like any other member', () => {
    expect(Object.entries(parseStrictJson('{"__proto__":{"a":1}}') as object)).toEqual([['__proto__', { a: 1 }]])
  })

  test.each([
    ['{\n  "keys": [{ "a": 1, "b": 2,\n    "a": 3 }]\n}', 'is there twice', 3, 5, 'keys[0].a'],
    ['{\n  "keys": [1, 2\n}', 'is not valid JSON', 3, 1, 'keys'],
    ['[1,]', 'is not valid JSON', 1, 4, '[1]'],
    ['{"a":1,}', 'is not valid JSON', 1, 8, ''],
    ['{"a" 1}', 'is not valid JSON', 1, 6, 'a'],
    ['{} {}', 'is not valid JSON', 1, 4, ''],
    ['', 'is not valid JSON', 1, 1, ''],
    ['01', 'is not valid JSON', 1, 2, ''],
    ['['.repeat(100_000), 'is nested more than 32 deep', 1, 34, '[0]'.repeat(33)],
  ])('says where %j is at fault', (text, reason, line, column, path) => {
    const { message, ...place } = faultOf(text)
    expect([message, place.line, place.column, place.path]).toEqual([reason, line, column, path])
  })
})
