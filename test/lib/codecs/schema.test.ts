import { afterEach, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { validate } from '../../../lib/codecs/schema.ts'

const unhandled: unknown[] = []
const note = (error: unknown) => void unhandled.push(error)
beforeEach(() => {
  unhandled.length = 0
  process.on('unhandledRejection', note)
})
afterEach(() => void process.off('unhandledRejection', note))

test('an async check of zod runs once', async () => {
  let runs = 0
  const schema = z.number().refine(async (n) => {
    runs++
    return n > 0
  })
  expect(await validate(schema, 1)).toEqual({ value: 1 })
  expect(runs).toBe(1)
})

test('an async check of zod that throws is an error of the caller, and leaves no rejection unhandled', async () => {
  const schema = z.number().refine(async () => {
    throw new Error('the database does not answer')
  })
  await expect(validate(schema, 1)).rejects.toThrow('the database does not answer')
  await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled).toEqual([])
})

test('transforms of a schema are its output', async () => {
  expect(await validate(z.string().transform(Number), '7')).toEqual({ value: 7 })
})
