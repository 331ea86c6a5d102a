import { editFrom } from '../../../cli/expressions/edit.ts'
import { selectionOf } from '../../../cli/expressions/selection.ts'
import { UsageError } from '../../../functions/local/usage-error.ts'
import { demand, orRefusal } from '../judge.ts'

/** No loops, and no numbers that jq would make large things of. */
const HARMLESS =
  /^(?:[.|=,"+(){}[\]:?\s-]|\d{1,2}(?!\d)|\.?(?:body|attributes|bodyBase64|a|b|del|length|keys|not|null|true|false|empty|error|tojson|fromjson|select|map|type)\b)*$/

/** An edit of a message: an expression of jq and, behind a line break, a test of a member of the body. Both are given the same message. */
export const fuzz = async (data: Buffer): Promise<void> => {
  const [expression = '', field = ''] = data.toString('utf8').split('\n')
  const message = { messageId: '1', body: { a: [1, { b: 'x' }] }, attributes: { a: 'x' } }
  const isUsage = (error: unknown) => error instanceof UsageError
  const selected = await orRefusal(() => selectionOf({ field: [field] }), isUsage)
  await orRefusal(
    () => selected?.([message]),
    () => false,
  )
  if (!HARMLESS.test(expression) || expression.length > 60) return
  const edit = await orRefusal(() => editFrom(expression), isUsage)
  const [edited] =
    (edit &&
      (await orRefusal(
        () => edit([message]),
        () => false,
      ))) ??
    []
  const names = Object.keys(edited ?? {})
  demand(
    names.every((name) => KNOWN.has(name)),
    'an edit changes what the API can not take',
    edited,
  )
}

const KNOWN: ReadonlySet<string> = new Set(['body', 'bodyBase64', 'attributes', 'error'])

export const dictionary: readonly string[] = [
  '.body',
  '.attributes',
  '.bodyBase64',
  '.a',
  '|',
  ' = ',
  'del(',
  'empty',
  'error',
  'null',
  '"x"',
  '\n',
  'a=',
]
