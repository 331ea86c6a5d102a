import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JsonValue } from '../../../../lib/model/message.ts'
import { checkedFilter, type FilterPattern, filterOf } from '../../../../lib/triggers/filter/filter.ts'

const matches = (
  pattern: FilterPattern | readonly FilterPattern[],
  record: { body: string; [field: string]: unknown },
) => filterOf(checkedFilter(pattern))(record)
/** Whether a pattern for the body matches a body. */
const bodyMatches = (pattern: JsonValue | string, body: string) => matches(`{"body":${textOf(pattern)}}`, { body })
const textOf = (pattern: JsonValue | string) => (typeof pattern === 'string' ? pattern : JSON.stringify(pattern))

/** Each operator with the example of the documentation, what it matches and what it does not. */
describe('the operators of EventBridge', () => {
  test.each<[string, string, readonly string[], readonly string[]]>([
    ['null', '{"UserID":[null]}', ['{"UserID":null}'], ['{"UserID":""}', '{"UserID":"null"}', '{"UserID":0}', '{}']],
    ['empty', '{"LastName":[""]}', ['{"LastName":""}'], ['{"LastName":null}', '{"LastName":" "}', '{}']],
    [
      'equals',
      '{"Name":["Alice"]}',
      ['{"Name":"Alice"}'],
      ['{"Name":"alice"}', '{"Name":"Alice "}', '{"name":"Alice"}'],
    ],
    [
      'equals, without normalizing characters',
      '{"Name":["\\u00e9"]}',
      ['{"Name":"é"}', '{"Name":"\\u00E9"}'],
      ['{"Name":"e\\u0301"}'],
    ],
    [
      'equals-ignore-case',
      '{"Name":[{"equals-ignore-case":"alice"}]}',
      ['{"Name":"ALICE"}', '{"Name":"Alice"}'],
      ['{"Name":"Alicia"}', '{"Name":5}'],
    ],
    [
      'and',
      '{"Location":["New York"],"Day":["Monday"]}',
      ['{"Location":"New York","Day":"Monday","Hour":3}'],
      ['{"Location":"New York"}', '{"Location":"New York","Day":"Tuesday"}'],
    ],
    ['or', '{"PaymentType":["Credit","Debit"]}', ['{"PaymentType":"Debit"}'], ['{"PaymentType":"Cash"}', '{}']],
    [
      'or of several fields',
      '{"$or":[{"Location":["New York"]},{"Day":["Monday"]}]}',
      ['{"Location":"New York","Day":"Tuesday"}', '{"Location":"Paris","Day":"Monday"}'],
      ['{"Location":"Paris","Day":"Tuesday"}', '{}'],
    ],
    [
      'and of a field and an or, nested',
      '{"source":["aws"],"$or":[{"metric":[1]},{"type":["t"],"$or":[{"a":[1]},{"b":[2]}]}]}',
      ['{"source":"aws","metric":1}', '{"source":"aws","type":"t","b":2}'],
      ['{"metric":1}', '{"source":"aws","type":"t","b":1}', '{"source":"aws","type":"t"}'],
    ],
    [
      'anything-but',
      '{"Weather":[{"anything-but":["Raining"]}]}',
      ['{"Weather":"Sunny"}', '{"Weather":7}', '{"Weather":null}'],
      ['{"Weather":"Raining"}', '{}', '{"Weather":{"now":"Sunny"}}'],
    ],
    [
      'anything-but one string',
      '{"state":[{"anything-but":"initializing"}]}',
      ['{"state":"running"}'],
      ['{"state":"initializing"}'],
    ],
    [
      'anything-but numbers',
      '{"limit":[{"anything-but":[100,200]}]}',
      ['{"limit":300}', '{"limit":"100"}'],
      ['{"limit":100}', '{"limit":200}'],
    ],
    [
      'anything-but a prefix',
      '{"Region":[{"anything-but":{"prefix":"us-"}}]}',
      ['{"Region":"eu-west-1"}', '{"Region":1}'],
      ['{"Region":"us-east-1"}', '{}'],
    ],
    [
      'anything-but prefixes',
      '{"Region":[{"anything-but":{"prefix":["us-","eu-"]}}]}',
      ['{"Region":"ap-1"}'],
      ['{"Region":"us-1"}', '{"Region":"eu-1"}'],
    ],
    [
      'anything-but a suffix',
      '{"File":[{"anything-but":{"suffix":".png"}}]}',
      ['{"File":"a.jpg"}'],
      ['{"File":"a.png"}'],
    ],
    [
      'anything-but in any case',
      '{"state":[{"anything-but":{"equals-ignore-case":["initializing","stopped"]}}]}',
      ['{"state":"running"}'],
      ['{"state":"INITIALIZING"}', '{"state":"Stopped"}'],
    ],
    [
      'anything-but a wildcard',
      '{"Path":[{"anything-but":{"wildcard":"*/lib/*"}}]}',
      ['{"Path":"a/src/b"}'],
      ['{"Path":"a/lib/b"}', '{"Path":"/lib/"}'],
    ],
    [
      'numeric, equals',
      '{"Price":[{"numeric":["=",100]}]}',
      ['{"Price":100}', '{"Price":1.0e2}'],
      ['{"Price":"100"}', '{"Price":101}'],
    ],
    [
      'numeric, a range',
      '{"Price":[{"numeric":[">",10,"<=",20]}]}',
      ['{"Price":20}', '{"Price":10.5}'],
      ['{"Price":10}', '{"Price":20.01}', '{"Price":"15"}', '{"Price":null}', '{}'],
    ],
    ['numeric, one bound', '{"Price":[{"numeric":["<",-1.5]}]}', ['{"Price":-2}'], ['{"Price":-1.5}']],
    [
      'exists',
      '{"ProductName":[{"exists":true}]}',
      ['{"ProductName":"x"}', '{"ProductName":null}', '{"ProductName":[1]}'],
      ['{}', '{"ProductName":{"a":1}}', '{"ProductName":[]}'],
    ],
    [
      'does not exist',
      '{"ProductName":[{"exists":false}]}',
      ['{}', '{"ProductName":{"c1":100}}'],
      ['{"ProductName":null}', '{"ProductName":""}'],
    ],
    [
      'does not exist, or has a value',
      '{"a":{"b":[{"exists":false},"x"]}}',
      ['{}', '{"a":{}}', '{"a":5}', '{"a":{"b":"x"}}'],
      ['{"a":{"b":"y"}}'],
    ],
    [
      'prefix',
      '{"Region":[{"prefix":"us-"}]}',
      ['{"Region":"us-east-1"}'],
      ['{"Region":"aus-1"}', '{"Region":"US-1"}'],
    ],
    [
      'prefix in any case',
      '{"service":[{"prefix":{"equals-ignore-case":"EventB"}}]}',
      ['{"service":"eventbridge"}', '{"service":"EVENTB"}'],
      ['{"service":"event"}'],
    ],
    [
      'suffix',
      '{"FileName":[{"suffix":".png"}]}',
      ['{"FileName":"a.png"}'],
      ['{"FileName":"a.PNG"}', '{"FileName":"png"}'],
    ],
    [
      'suffix in any case',
      '{"service":[{"suffix":{"equals-ignore-case":"tBridge"}}]}',
      ['{"service":"EventBRIDGE"}'],
      ['{"service":"bridges"}'],
    ],
    [
      'wildcard',
      '{"file":[{"wildcard":"dir/*.png"}]}',
      ['{"file":"dir/a.png"}', '{"file":"dir/.png"}', '{"file":"dir/sub/b.png"}'],
      ['{"file":"dir/a.jpg"}', '{"file":"odir/a.png"}'],
    ],
    [
      'wildcard with escapes',
      '{"file":[{"wildcard":"a\\\\*b\\\\\\\\*"}]}',
      ['{"file":"a*b\\\\c"}'],
      ['{"file":"axb\\\\c"}', '{"file":"a*bc"}'],
    ],
    [
      'addresses of IPv4',
      '{"ip":[{"cidr":"10.0.0.0/24"}]}',
      ['{"ip":"10.0.0.255"}'],
      ['{"ip":"10.0.1.0"}', '{"ip":"10.0.0"}', '{"ip":"::ffff:10.0.0.1"}'],
    ],
    ['addresses of IPv6', '{"ip":[{"cidr":"2001:db8::/32"}]}', ['{"ip":"2001:DB8:0::1"}'], ['{"ip":"2001:db9::1"}']],
    ['true and false', '{"a":[true]}', ['{"a":true}'], ['{"a":"true"}', '{"a":false}', '{"a":1}']],
  ])('%s', (_, pattern, matching, others) => {
    for (const body of matching) expect([body, bodyMatches(pattern, body)]).toEqual([body, true])
    for (const body of others) expect([body, bodyMatches(pattern, body)]).toEqual([body, false])
  })

  test.each([
    ['300', '300.0', false],
    ['300', '3.0e2', false],
    ['300', '300', true],
    ['3.0e2', '3.0e2', true],
    ['12345678901234567890', '12345678901234567890', true],
    ['12345678901234567890', '12345678901234567891', false],
  ])('numbers are compared as they are written: %s and %s', (wanted, given, expected) => {
    expect(bodyMatches(`{"n":[${wanted}]}`, `{"n":${given}}`)).toBe(expected)
  })
})

describe('lists', () => {
  test('match where one of their elements does, in lists of lists too', () => {
    expect(bodyMatches('{"a":["x","y"]}', '{"a":["z",["y"]]}')).toBe(true)
    expect(bodyMatches('{"a":[{"anything-but":"x"}]}', '{"a":["x"]}')).toBe(false)
    expect(bodyMatches('{"a":[{"anything-but":"x"}]}', '{"a":["x","y"]}')).toBe(true)
  })

  const EMPLOYEES =
    '{"employees":[[{"first":"John","last":"Doe"},{"first":"Anna"}],[{"first":"Peter","last":"Jones"}]]}'
  test.each([
    ['{"employees":{"first":["Anna"]}}', true],
    ['{"employees":{"first":["Anna"],"last":["Jones"]}}', false],
    ['{"employees":{"first":["Peter"],"last":["Jones"]}}', true],
    ['{"employees":{"first":["Anna"],"last":[{"exists":false}]}}', true],
    ['{"employees":{"last":[{"exists":false}]}}', false],
    ['{"employees":{"age":[{"exists":false}]}}', true],
  ])('of objects: %s matches, with all of its fields in one object: %s', (pattern, expected) => {
    expect(bodyMatches(pattern, EMPLOYEES)).toBe(expected)
  })

  test('of objects in the body itself', () => {
    expect(bodyMatches('{"a":[1]}', '[{"a":2},{"a":1}]')).toBe(true)
  })
})

/** https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html */
describe('text and JSON', () => {
  test.each([
    ['text', 'text', '[{"prefix":"Result: "}]', 'Result: 5', true],
    ['text', 'text', '[{"prefix":"Result: "}]', 'Answer', false],
    ['text', 'JSON', '{"a":[1]}', 'Result: 5', false],
    ['text', 'JSON that asks for absence', '{"a":[{"exists":false}]}', 'Result: 5', false],
    ['JSON', 'text', '[{"exists":true}]', '{"a":1}', false],
    ['JSON', 'text', '["x"]', '["x"]', false],
    ['JSON', 'JSON', '{"a":[1]}', ' {"a":1}', true],
    ['what is nearly JSON', 'text', '[{"prefix":"{"}]', '{"a":1', true],
    ['a number', 'text', '["42"]', '42', true],
    ['a number', 'JSON', '{"a":[1]}', '42', false],
    ['nothing', 'text', '[""]', '', true],
  ])('a body that is %s, and a pattern for %s', (_body, _pattern, pattern, body, expected) => {
    expect(bodyMatches(pattern, body)).toBe(expected)
  })

  test('a pattern without body looks at the other fields alone, whatever the body', () => {
    const record = {
      body: 'no JSON',
      attributes: { ApproximateReceiveCount: '1' },
      messageAttributes: { kind: { stringValue: 'order', dataType: 'String' } },
    }
    expect(matches({ messageAttributes: { kind: { stringValue: ['order'] } } }, record)).toBe(true)
    expect(matches({ messageAttributes: { kind: { stringValue: ['refund'] } } }, record)).toBe(false)
    expect(matches({ attributes: { ApproximateReceiveCount: ['1'] } }, { ...record, body: '{}' })).toBe(true)
  })

  test('one of several patterns is enough, and an alternative of an or may name the body', () => {
    expect(matches([{ body: { a: [1] } }, { body: ['x'] }], { body: 'x' })).toBe(true)
    expect(matches({ $or: [{ body: { a: [1] } }, { body: ['x'] }] }, { body: 'x' })).toBe(true)
    expect(matches({ $or: [{ body: { a: [1] } }, { body: ['x'] }] }, { body: 'y' })).toBe(false)
  })
})

describe('a filter is refused', () => {
  test.each<[string, unknown, string]>([
    ['none', [], 'filter must have 1 to 10 patterns'],
    ['too many', Array.from({ length: 11 }, () => '{"body":["x"]}'), 'filter must have 1 to 10 patterns'],
    ['too long', { body: ['x'.repeat(4_090)] }, 'filter[0] must have at most 4096 characters of JSON'],
    ['no JSON', '{"body":', 'filter[0] must be an object, or its JSON'],
    ['no object', '["x"]', 'filter[0] must be an object of fields'],
    ['nothing', {}, 'filter[0] must have a field'],
    ['an unknown field', { bdy: ['x'] }, 'filter[0].bdy is not a known field: did you mean body?'],
    [
      'a value without a list',
      { body: { a: 1 } },
      'filter[0].body.a must be a list of values, or an object of fields, but is 1',
    ],
    ['an empty list', { body: { a: [] } }, 'filter[0].body.a must have a value'],
    ['an empty object', { body: {} }, 'filter[0].body must have a field'],
    ['a list in a list', { body: [['x']] }, 'filter[0].body[0] must be a string'],
    ['an unknown operator', { body: [{ prefx: 'x' }] }, 'did you mean prefix?'],
    ['two operators', { body: [{ prefix: 'x', suffix: 'y' }] }, 'must have one operator alone'],
    ['a prefix of no string', { body: [{ prefix: 5 }] }, 'filter[0].body[0].prefix must be a string, but is 5'],
    ['exists of no boolean', { body: [{ exists: 'yes' }] }, 'filter[0].body[0].exists must be true or false'],
    ['numeric without a list', { body: { a: [{ numeric: 5 }] } }, 'must be a list such as'],
    ['numeric with an unknown sign', { body: { a: [{ numeric: ['!=', 5] }] } }, 'must be one of = < <= > >='],
    ['numeric with a text', { body: { a: [{ numeric: ['=', '5'] }] } }, 'numeric[1] must be a number'],
    ['numeric with two upper bounds', { body: { a: [{ numeric: ['<', 5, '<=', 6] }] } }, 'a lower and an upper bound'],
    ['anything-but of two kinds', { body: [{ 'anything-but': ['x', 5] }] }, 'strings alone or numbers alone'],
    ['anything-but nothing', { body: [{ 'anything-but': [] }] }, 'must be a string, a number, or a list'],
    ['anything-but null', { body: [{ 'anything-but': null }] }, 'must be a string, a number, or a list'],
    ['anything-but numeric', { body: [{ 'anything-but': { numeric: ['=', 5] } }] }, 'is not a known field'],
    ['anything-but an empty prefix', { body: [{ 'anything-but': { prefix: '' } }] }, 'must not be empty'],
    ['a wildcard with two asterisks', { body: [{ wildcard: 'a**b' }] }, 'two asterisks in a row'],
    ['a wildcard with an escape of nothing', { body: [{ wildcard: 'a\\b' }] }, 'nor a backslash before'],
    ['no range of addresses', { body: [{ cidr: '10.0.0.0/33' }] }, 'must be a range of addresses'],
    ['an or of one', { $or: [{ body: ['x'] }] }, '$or must be a list of two objects or more'],
    ['an or that is no list', { body: { $or: { a: [1] } } }, '$or must be a list of two objects or more'],
    ['an operator as a field of an or', { body: { $or: [{ prefix: ['x'] }, { a: [1] }] } }, 'must not be an operator'],
    ['one that nests too deep', `{"body":${'{"a":'.repeat(60)}[1]${'}'.repeat(60)}}`, 'must not nest deeper than 50'],
  ])('for %s', (_, given, words) => {
    expect(() => checkedFilter(given as FilterPattern)).toThrow(words)
  })

  test('and one that is taken keeps how its numbers are written', () => {
    expect(checkedFilter('{"body":{"a":[1.50]}}')).toEqual(['{"body":{"a":[1.50]}}'])
    expect(checkedFilter({ body: { a: [1.5] } })).toEqual(['{"body":{"a":[1.5]}}'])
  })
})

describe('properties', () => {
  const scalar = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null))

  test('an event matches the pattern of its own values, and not one with another value', () => {
    const event = fc.dictionary(
      fc.string({ minLength: 1 }).filter((name) => name !== '$or'),
      scalar,
      { minKeys: 1 },
    )
    fc.assert(
      fc.property(event, (fields) => {
        const pattern = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, [value]]))
        const [name = ''] = Object.keys(fields)
        expect(bodyMatches(JSON.stringify(pattern), JSON.stringify(fields))).toBe(true)
        const other = { ...pattern, [name]: ['another value than any'] }
        expect(bodyMatches(JSON.stringify(other), JSON.stringify(fields))).toBe(false)
      }),
    )
  })

  test('what anything-but matches is what its list does not, where there is a value', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 2 }), { minLength: 1, maxLength: 4 }), scalar, (texts, value) => {
        const body = JSON.stringify({ a: value })
        const equals = bodyMatches({ a: texts }, body)
        expect(bodyMatches({ a: [{ 'anything-but': texts }] }, body)).toBe(!equals)
      }),
    )
  })

  test('a wildcard matches what the regular expression of its meaning does', () => {
    const letters = fc.stringMatching(/^[ab]{0,12}$/)
    const wildcard = fc.stringMatching(/^(\*?[ab]{1,3}){0,4}\*?$/)
    fc.assert(
      fc.property(wildcard, letters, (pattern, text) => {
        const expression = new RegExp(`^${pattern.replaceAll('*', '.*')}$`, 's')
        expect(bodyMatches([{ wildcard: pattern }], text)).toBe(expression.test(text))
      }),
      { numRuns: 2_000 },
    )
  })

  test('whatever a body is, it is judged', () => {
    const pattern = '{"$or":[{"body":{"a":{"b":[1,{"prefix":"x"},{"exists":false}]}}},{"body":["x"]}]}'
    const filter = filterOf(checkedFilter(pattern))
    const anything = fc.oneof(
      fc.string(),
      fc.json(),
      fc.anything().map((value) => JSON.stringify({ a: { b: value } }) ?? ''),
    )
    fc.assert(fc.property(anything, (body) => typeof filter({ body }) === 'boolean'))
  })

  test.each([
    ['deep lists', '['.repeat(200_000) + ']'.repeat(200_000)],
    ['deep objects', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`],
    ['a text of escapes', `{"a":"${'\\n'.repeat(400_000)}"}`],
  ])('a body of %s is judged', (_, body) => {
    expect(bodyMatches('{"a":{"a":[1]}}', body)).toBe(false)
  })

  test('a wildcard that a backtracking search would never get through is judged', () => {
    const pattern = `*${'ab*'.repeat(500)}c`
    expect(bodyMatches([{ wildcard: pattern }], 'ab'.repeat(250_000))).toBe(false)
    expect(bodyMatches([{ wildcard: `*${'a'.repeat(2_000)}b*` }], 'a'.repeat(500_000))).toBe(false)
  })
})

test.each(['{1:2}', '{1 :2}', '[01]', '[1.]', '[.5]', '[1e]', '[-]', '[1-2]', '{"a":1 2}'])(
  'a body is text, not JSON, where it would be JSON with its numbers as strings: %s',
  (body) => {
    expect(() => JSON.parse(body)).toThrow()
    expect(filterOf([JSON.stringify({ body: [body] })])({ body })).toBe(true)
  },
)
