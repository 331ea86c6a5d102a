import { expect, test } from 'vitest'
import type { MessageJson } from '../../console/api.ts'
import type { ConsoleContext } from '../../console/context.ts'
import { decodedBody, jsonText } from '../../console/views/body.ts'
import { textOf } from '../../console/views/html.ts'
import { preview } from '../../console/views/messages.ts'

/** A JSON value of few bytes whose indents would be many: each of its values is on a line of its own, behind 380 spaces. */
const deep = (values: number): unknown => {
  let body: unknown = Array(values).fill(0)
  for (let level = 0; level < 190; level++) body = [body]
  return body
}

test('JSON is shown with indents where they are not many times its size', () => {
  expect(decodedBody({ body: { a: [1] } }).text).toBe('{\n  "a": [\n    1\n  ]\n}')
  expect(decodedBody({ body: '[1]' }).text).toBe('[\n  1\n]')
  expect(jsonText(deep(10)).length).toBeGreaterThan(3_800)
  expect(jsonText(deep(500_000)).length).toBe(JSON.stringify(deep(500_000)).length)
  expect(decodedBody({ body: deep(500_000) })).toMatchObject({ kind: 'JSON', cut: true })
})

test('a row shows a body without making its indents', () => {
  const context = { hidePayloads: false } as ConsoleContext
  expect(textOf(preview(context, { body: { a: [1] } } as unknown as MessageJson))).toBe(
    '<code>{ &quot;a&quot;: [ 1 ] }</code>',
  )
  expect(textOf(preview(context, { body: deep(500) } as unknown as MessageJson))).toMatch(/^<code>\[{120}…<\/code>$/)
})
