import { expect, test } from 'vitest'
import { md5, md5OfAttributes } from '../../../functions/sqs/md5.ts'

test('a body is digested as UTF-8', () => {
  expect(md5('')).toBe('d41d8cd98f00b204e9800998ecf8427e')
  expect(md5('hello')).toBe('5d41402abc4b2a76b9719d911017c592')
  expect(md5('größer')).toBe('3b1f5bccdd98086ae8f1852fd2aabe54')
})

test.each([
  [{}, undefined],
  [{ timestamp: { dataType: 'Number', value: '1493147359900' } }, '235c5c510d26fb653d073faed50ae77c'],
  [
    {
      AWSTraceHeader: {
        dataType: 'String',
        value: 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1',
      },
    },
    '5ae4d5d7636402d80f4eb6d213245a88',
  ],
])('attributes have the digest that clients compute: %#', (attributes, digest) => {
  expect(md5OfAttributes(attributes)).toBe(digest)
})

test('the digest depends on names, types and values, not on the order they came in', () => {
  const a = { dataType: 'String', value: '1' }
  const b = { dataType: 'Binary.x', value: Uint8Array.of(1, 2) }
  const digest = md5OfAttributes({ a, b })
  expect(md5OfAttributes({ b, a })).toBe(digest)
  expect(md5OfAttributes({ a, c: b })).not.toBe(digest)
  expect(md5OfAttributes({ a: { ...a, dataType: 'String.x' }, b })).not.toBe(digest)
  expect(md5OfAttributes({ a, b: { ...b, value: Uint8Array.of(1, 3) } })).not.toBe(digest)
})
