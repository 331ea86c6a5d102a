/** Whether a text matches a pattern, in which `*` matches any characters and `?` matches one. */
export const like = (pattern: string, text: string): boolean => {
  const [head = '', ...others] = pattern.split('*')
  const tail = others.pop()
  if (tail === undefined) return text.length === head.length && fitsAt(head, text, 0)
  const end = text.length - tail.length
  if (end < head.length || !fitsAt(head, text, 0) || !fitsAt(tail, text, end)) return false
  // The leftmost place of each part leaves the most room for the next.
  let at = head.length
  for (const part of others) {
    const found = firstFit(part, text, at, end)
    if (found === undefined) return false
    at = found + part.length
  }
  return true
}

/** Whether a part without `*` matches at a position. */
const fitsAt = (part: string, text: string, at: number): boolean => {
  for (let index = 0; index < part.length; index++) {
    if (part[index] !== '?' && part[index] !== text[at + index]) return false
  }
  return true
}

const firstFit = (part: string, text: string, from: number, end: number): number | undefined => {
  for (let at = from; at + part.length <= end; at++) if (fitsAt(part, text, at)) return at
  return undefined
}

const ARN_FIELDS = 6

/** The six fields of an ARN. The last one may contain colons. */
const fieldsOf = (arn: string): string[] => {
  const fields = arn.split(':')
  return fields.length <= ARN_FIELDS
    ? fields
    : [...fields.slice(0, ARN_FIELDS - 1), fields.slice(ARN_FIELDS - 1).join(':')]
}

/** Whether a text has all the fields of an ARN, or a pattern of one. */
export const isArn = (text: string): boolean => text.startsWith('arn:') && text.split(':').length >= ARN_FIELDS

/**
 * Whether an ARN matches the pattern of an `Arn…` condition: each of the six fields is matched independently.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
 */
export const likeArn = (pattern: string, arn: string): boolean => {
  const patterns = fieldsOf(pattern)
  const fields = fieldsOf(arn)
  return patterns.length === fields.length && patterns.every((one, position) => like(one, fields[position] ?? ''))
}

/**
 * Whether an ARN matches a `Resource` of a policy. IAM completes a pattern that lacks fields with `*`: `arn:aws:sqs` is
 * every queue. A `*` at the end of a field can match the following fields too; every other wildcard matches within its
 * field.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
 */
export const likeResource = (pattern: string, arn: string): boolean => {
  const patterns = pattern.split(':')
  while (patterns[0] === 'arn' && patterns.length < ARN_FIELDS) patterns.push('*')
  return matchFields(patterns, fieldsOf(arn))
}

const matchFields = ([pattern, ...patterns]: readonly string[], [field, ...fields]: readonly string[]): boolean => {
  if (pattern === undefined || field === undefined) return pattern === field
  if (!like(pattern, field)) return false
  const furthest = pattern.endsWith('*') ? fields.length - patterns.length : 0
  for (let beyond = 0; beyond <= furthest; beyond++) {
    if (matchFields(patterns, fields.slice(beyond))) return true
  }
  return false
}
