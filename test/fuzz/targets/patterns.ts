import { isArn, like, likeArn, likeResource } from '../../../functions/sqs/pattern.ts'
import { wildcardMatcher, wildcardParts } from '../../../lib/triggers/filter/wildcard.ts'
import { demand, withinBounds } from '../judge.ts'

/** A pattern and, behind a line break, a text: each matcher must say what the plainest one says. */
export const fuzz = async (data: Buffer): Promise<void> => {
  const [pattern = '', text = ''] = data.toString('latin1').split('\n')
  const matched = await withinBounds(() => like(pattern, text))
  demand(matched === plainly(tokensOf(pattern), text), 'a pattern of a policy matches differently than it should')
  const parts = wildcardParts(pattern)
  if (parts) {
    const found = await withinBounds(() => wildcardMatcher(parts)(text))
    const tokens: Token[] = parts.flatMap((part, position): Token[] => (position > 0 ? [ANY, ...part] : [...part]))
    demand(found === plainly(tokens, text), 'a wildcard of a filter matches differently than it should')
  }
  await withinBounds(() => [isArn(text), likeArn(pattern, text), likeResource(pattern, text)])
  demand(
    !isArn(text) || !likeArn(pattern, text) || likeResource(pattern, text),
    'a resource has fewer matches than a condition',
  )
}

const ANY = Symbol('any characters')
const ONE = Symbol('one character')
type Token = string | typeof ANY | typeof ONE

const tokensOf = (pattern: string): Token[] =>
  Array.from(pattern, (character) => (character === '*' ? ANY : character === '?' ? ONE : character))

/** Whether a text matches, decided place by place: after each token, the places of the text where the rest may begin. */
const plainly = (tokens: readonly Token[], text: string): boolean => {
  let places = new Set([0])
  for (const token of tokens) {
    if (token === ANY) {
      const first = Math.min(...places)
      places = new Set(places.size === 0 ? [] : Array.from({ length: text.length - first + 1 }, (_, at) => first + at))
    } else {
      places = new Set(
        [...places].filter((at) => at < text.length && (token === ONE || text[at] === token)).map((at) => at + 1),
      )
    }
  }
  return places.has(text.length)
}

export const dictionary: readonly string[] = [
  '*',
  '?',
  '\\*',
  '\n',
  'arn:aws:sqs:',
  ':',
  'arn:aws:sqs:us-east-1:000000000000:orders',
]
