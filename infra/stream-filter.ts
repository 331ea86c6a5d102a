import { KEY_KINDS, queueKeyPattern } from '../lib/store/keys.ts'

/** Lambda's limits of one event source mapping. */
const MAX_PATTERNS = 5
const MAX_PATTERN_CHARACTERS = 4_096

/** The beginning of the partition keys of a queue's segments. */
const segmentsOf = (queue: string): string => queueKeyPattern('segment', queue).replace(/\*$/, '')

/**
 * The patterns by which Lambda chooses the records of the table's stream that `functions/wake.ts` gets: inserted segments of
 * these queues. Claims, acks and removals by TTL have other event names. Where the queues do not fit into Lambda's limits,
 * the patterns match the segments of all queues, and the function ignores those of other queues.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
 */
export const streamPatterns = (queues: readonly string[]): readonly string[] => {
  const patterns = patternsOf(queues.map(segmentsOf))
  return patterns.length <= MAX_PATTERNS ? patterns : [patternOf([`${KEY_KINDS.segment.letter}#`])]
}

const patternsOf = (prefixes: readonly string[]): string[] => {
  const groups: string[][] = [[]]
  for (const prefix of prefixes) {
    const last = groups.at(-1) ?? []
    if (patternOf([...last, prefix]).length <= MAX_PATTERN_CHARACTERS) last.push(prefix)
    else groups.push([prefix])
  }
  return groups.map(patternOf)
}

const patternOf = (prefixes: readonly string[]): string =>
  JSON.stringify({
    eventName: ['INSERT'],
    dynamodb: { Keys: { pk: { S: prefixes.map((prefix) => ({ prefix })) } } },
  })
