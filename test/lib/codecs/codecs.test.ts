import { describe, expect, test } from 'vitest'
import { bytesCodec } from '../../../lib/codecs/bytes.ts'
import type { Codec } from '../../../lib/codecs/codec.ts'
import { jsonCodec } from '../../../lib/codecs/json.ts'
import { messagePackCodec } from '../../../lib/codecs/messagepack.ts'
import { textCodec } from '../../../lib/codecs/text.ts'
import { bodyOf, toContent } from '../../../lib/model/content.ts'
import type { JsonValue } from '../../../lib/model/message.ts'
import fc from '../../support/properties.ts'

/** Through what is really stored: the engine keeps text and bytes. */
const through = <T>(codec: Codec<T>, body: T): T => codec.decode(bodyOf(toContent({ body: codec.encode(body) })))

const cycle: Record<string, unknown> = {}
cycle.self = { again: [cycle] }
const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)])
class Money {
  readonly cents = 5
}

describe('the JSON codec', () => {
  test('gives every JSON value back as it was', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (value) => {
        const expected = JSON.parse(JSON.stringify(value)) as JsonValue
        expect(through(jsonCodec<JsonValue>(), value as JsonValue)).toEqual(expected)
      }),
    )
  })

  test.each<[string, unknown, string]>([
    ['a bigint', { a: [1n] }, 'body.a[0]'],
    ['a date', { at: new Date(0) }, 'body.at'],
    ['a map', { a: new Map() }, 'body.a'],
    ['a set', new Set([1]), 'body'],
    ['undefined', { a: { b: undefined } }, 'body.a.b'],
    ['undefined itself', undefined, 'body'],
    ['NaN', [0, Number.NaN], 'body[1]'],
    ['an infinity', { 'a b': Number.NEGATIVE_INFINITY }, 'body["a b"]'],
    ['a lone surrogate', { text: 'a\uD800' }, 'body.text'],
    ['a lone surrogate in a key', { a: { '\uDC00': 1 } }, 'body.a'],
    ['a function', { f: () => 1 }, 'body.f'],
    ['a symbol', [Symbol('s')], 'body[0]'],
    ['a symbol key', { [Symbol('s')]: 1 }, 'body'],
    ['an array with holes', Object.assign(Array(2), { 0: 1 }), 'body'],
    ['an instance of a class', { price: new Money() }, 'body.price'],
    ['what turns itself into JSON', { toJSON: () => 1 }, 'body'],
    ['bytes', { raw: new Uint8Array(2) }, 'body.raw'],
    ['a boxed number', { n: Object(5) }, 'body.n'],
    ['a cycle', cycle, 'body.self.again[0]'],
    ['what is nested too deep', deep(501), `body${'[0]'.repeat(500)}`],
  ])('refuses %s with the path to it', (_, value, path) => {
    expect(() => jsonCodec().encode(value)).toThrow(
      expect.objectContaining({ code: 'InvalidRequest', fields: expect.objectContaining({ field: path }) }),
    )
  })

  test('carries what is nested 500 levels deep, and one object in two places', () => {
    const shared = { a: 1 }
    expect(through(jsonCodec(), deep(500))).toEqual(deep(500))
    expect(through(jsonCodec(), { x: shared, y: shared })).toEqual({ x: { a: 1 }, y: { a: 1 } })
  })

  test('hands out text as it is, or parses what SQS clients sent when asked to', () => {
    expect(jsonCodec().decode('{"id":1}')).toBe('{"id":1}')
    expect(jsonCodec({ text: 'parse' }).decode('{"id":1}')).toEqual({ id: 1 })
    expect(() => jsonCodec({ text: 'parse' }).decode('{"id":')).toThrow(SyntaxError)
  })
})

describe('the MessagePack codec', () => {
  test('gives bytes, dates and every JSON value back as they were', () => {
    // Through JSON, which has no -0.
    const value = fc
      .json()
      .filter((text) => !text.includes('"__proto__":'))
      .map((text) => JSON.parse(text) as unknown)
    fc.assert(
      fc.property(value, fc.uint8Array(), fc.date({ noInvalidDate: true }), (json, raw, at) => {
        expect(through(messagePackCodec(), { json, raw, at })).toEqual({ json, raw, at })
      }),
    )
  })

  test.each<[string, unknown, string]>([
    ['a map, which the encoder would write as empty', { m: new Map([[1, 2]]) }, 'body.m'],
    ['a set', { s: new Set([1]) }, 'body.s'],
    ['undefined, which the encoder would write as null', { a: undefined }, 'body.a'],
    ['a bigint', [1n], 'body[0]'],
    ['an invalid date', { at: new Date(Number.NaN) }, 'body.at'],
    ['NaN', { n: Number.NaN }, 'body.n'],
    ['a key that its decoder refuses', { a: JSON.parse('{"__proto__":1}') }, 'body.a'],
    ['other typed arrays', { a: new Float32Array(1) }, 'body.a'],
  ])('refuses %s', (_, value, path) => {
    expect(() => messagePackCodec().encode(value)).toThrow(
      expect.objectContaining({ code: 'InvalidRequest', fields: expect.objectContaining({ field: path }) }),
    )
  })

  test('does not read text', () => {
    expect(() => messagePackCodec().decode('text')).toThrow('does not hold MessagePack bytes')
  })
})

test('the text codec carries text alone', () => {
  expect(through(textCodec(), '{"a":1}')).toBe('{"a":1}')
  expect(() => textCodec().encode(1 as never)).toThrow('the text codec does not carry')
  expect(() => textCodec().encode('\uDC00')).toThrow('lone surrogate')
  expect(() => textCodec().decode({ a: 1 })).toThrow('not text')
})

test('the bytes codec carries bytes alone', () => {
  expect(through(bytesCodec(), Uint8Array.of(0, 255))).toEqual(Uint8Array.of(0, 255))
  expect(() => bytesCodec().encode('a' as never)).toThrow('the bytes codec does not carry')
  expect(() => bytesCodec().decode('a')).toThrow('does not hold bytes')
})
