import { isHoldfastError } from '../../../lib/model/errors.ts'
import { checkedFilter, filterOf } from '../../../lib/triggers/filter/filter.ts'
import { taggedJson } from '../../../lib/triggers/filter/tagged-json.ts'
import { demand, orRefusal, withinBounds } from '../judge.ts'
import { expanded } from '../repeated.ts'

/** Largest body of a message. */
const BODY_BYTES = 1_048_576
const COMPARED_BYTES = 65_536

/** The filter of a trigger, and behind a line break the body of a message: `@5000*ab@` in it is `ab` 5,000 times. */
export const fuzz = async (data: Buffer): Promise<void> => {
  const end = data.indexOf('\n')
  const pattern = data.toString('utf8', 0, end < 0 ? data.length : end)
  const body = end < 0 ? '' : expanded(data.toString('utf8', end + 1), BODY_BYTES)
  const texts = await orRefusal(
    () => checkedFilter([pattern]),
    (error) => isHoldfastError(error, 'InvalidRequest'),
  )
  if (!texts) return
  const record = { messageId: '1', body, attributes: { SentTimestamp: '1' }, messageAttributes: {}, awsRegion: 'r' }
  await withinBounds(() => filterOf(texts)(record))
  // A large body is for the bounds of one request. What JSON is shows in small ones, in a hundredth of the time.
  if (body.length > COMPARED_BYTES) return
  demand(
    isJson(body, taggedJson) === isJson(body, JSON.parse),
    'a filter takes other texts for JSON than JSON.parse does',
  )
}

const isJson = (text: string, parse: (text: string) => unknown): boolean => {
  try {
    parse(text)
    return true
  } catch {
    return false
  }
}

export const dictionary: readonly string[] = [
  'body',
  'attributes',
  'messageAttributes',
  'awsRegion',
  '$or',
  'prefix',
  'suffix',
  'equals-ignore-case',
  'wildcard',
  'numeric',
  'cidr',
  'anything-but',
  'exists',
  '">="',
  '10.0.0.0/8',
  '::1/128',
  '{"a":[',
  '[{"',
  '\n',
  'null',
  'true',
  '1e400',
  '@100000*[@',
  '@1000000*a@',
  '@500000*\\n@',
]
