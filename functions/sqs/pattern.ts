/** Whether a text fits a pattern: `*` stands for any characters, `?` for one. */
export const like = (pattern: string, text: string): boolean => {
  let at = 0
  let star = -1
  let resume = 0
  let position = 0
  while (at < text.length) {
    if (pattern[position] === '*') {
      star = position++
      resume = at
    } else if (position < pattern.length && (pattern[position] === '?' || pattern[position] === text[at])) {
      position++
      at++
    } else if (star >= 0) {
      position = star + 1
      at = ++resume
    } else return false
  }
  return /^\**$/.test(pattern.slice(position))
}

const ARN_FIELDS = 6

/** The fields of an ARN. The sixth is all that is left, colons too. */
const fieldsOf = (arn: string): string[] => {
  const fields = arn.split(':')
  return fields.length <= ARN_FIELDS
    ? fields
    : [...fields.slice(0, ARN_FIELDS - 1), fields.slice(ARN_FIELDS - 1).join(':')]
}

/** Whether a text has all the fields of an ARN, or a pattern of one. */
export const isArn = (text: string): boolean => text.startsWith('arn:') && text.split(':').length >= ARN_FIELDS

/**
 * Whether an ARN fits the pattern of an `Arn…` condition, each of the six fields independently.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
 */
export const likeArn = (pattern: string, arn: string): boolean => {
  const patterns = fieldsOf(pattern)
  const fields = fieldsOf(arn)
  return patterns.length === fields.length && patterns.every((one, position) => like(one, fields[position] ?? ''))
}

/**
 * Whether an ARN fits a `Resource` of a policy. IAM completes an ARN that lacks fields with `*`: `arn:aws:sqs` is every
 * queue. A `*` at the end of a field may go on beyond it; every other wildcard stays within its field.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
 */
export const likeResource = (pattern: string, arn: string): boolean => {
  const patterns = pattern.split(':')
  while (patterns[0] === 'arn' && patterns.length < ARN_FIELDS) patterns.push('*')
  return fieldsFit(patterns, fieldsOf(arn))
}

const fieldsFit = ([pattern, ...patterns]: readonly string[], [field, ...fields]: readonly string[]): boolean => {
  if (pattern === undefined || field === undefined) return pattern === field
  if (!like(pattern, field)) return false
  const furthest = pattern.endsWith('*') ? fields.length - patterns.length : 0
  for (let beyond = 0; beyond <= furthest; beyond++) {
    if (fieldsFit(patterns, fields.slice(beyond))) return true
  }
  return false
}
