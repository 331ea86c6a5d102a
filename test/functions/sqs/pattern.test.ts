import { describe, expect, test } from 'vitest'
import { like, likeArn, likeResource } from '../../../functions/sqs/pattern.ts'
import { QUEUE, SENDER } from './policy-samples.ts'

describe('a pattern', () => {
  test.each([
    ['*', '', true],
    ['a*c', 'abbc', true],
    ['a*c', 'abbcd', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['*a*b', 'xxaxxab', true],
    ['a.c', 'abc', false],
    ['', 'a', false],
    ['a**', 'a', true],
  ])('%s on %s: %s', (pattern, text, fits) => {
    expect(like(pattern, text)).toBe(fits)
  })

  test('of an ARN keeps its wildcards within their fields', () => {
    expect(likeArn('arn:aws:iam::*:user/*', SENDER)).toBe(true)
    expect(likeArn('arn:*:user/HFSENDER', SENDER)).toBe(false)
    expect(likeArn('arn:aws:s:r:a:b:*', 'arn:aws:s:r:a:b:c:d')).toBe(true)
  })

  test('of a resource lets only a star at the end of a field go on beyond it', () => {
    expect(likeResource('*:orders', QUEUE)).toBe(true)
    // Completed to `arn:aws:sqs:*:orders:*`.
    expect(likeResource('arn:aws:sqs:*:orders', QUEUE)).toBe(false)
    expect(likeResource('arn:aws:sqs:u*s:orders', QUEUE)).toBe(false)
    expect(likeResource('arn:aws:s?s:us-east-1:*', QUEUE)).toBe(true)
    expect(likeResource('*', QUEUE)).toBe(true)
    expect(likeResource('arn:aws:sqs:us-east-1:000000000000:orders:more', QUEUE)).toBe(false)
  })
})
