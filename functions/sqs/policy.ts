/**
 * Queue policies, evaluated for principals whose signature was verified. What is not understood never widens access:
 * an Allow with it does not apply, a Deny with it does.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-using-identity-based-policies.html
 */
export interface AccessRequest {
  readonly account: string
  readonly principalArn: string
  /** `sqs:SendMessage` */
  readonly action: string
  readonly resource: string
  /** Condition keys of the request, in lower case. A known key without a value is `undefined`. */
  readonly context: Readonly<Record<string, string | undefined>>
}

export type Decision = 'allow' | 'deny' | 'none'

interface Statement {
  readonly Effect: 'Allow' | 'Deny'
  readonly [member: string]: unknown
}

const MEMBERS = new Set([
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
])

/** The statements of a policy; nothing when it is none. */
export const parsePolicy = (text: string): readonly Statement[] | undefined => {
  let policy: unknown
  try {
    policy = JSON.parse(text)
  } catch {
    return undefined
  }
  if (policy === null || typeof policy !== 'object' || Array.isArray(policy)) return undefined
  const statements = asList((policy as { Statement?: unknown }).Statement)
  return statements.every(isStatement) ? statements : undefined
}

const isStatement = (value: unknown): value is Statement => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false
  const one = value as Record<string, unknown>
  const either = (a: string, b: string) => (one[a] === undefined) !== (one[b] === undefined)
  return (
    (one.Effect === 'Allow' || one.Effect === 'Deny') &&
    either('Action', 'NotAction') &&
    either('Principal', 'NotPrincipal') &&
    Object.keys(one).every((member) => MEMBERS.has(member))
  )
}

export const evaluate = (policy: string | undefined, request: AccessRequest): Decision => {
  if (!policy) return 'none'
  const applying = (parsePolicy(policy) ?? []).filter((statement) => applies(statement, request))
  if (applying.some(({ Effect }) => Effect === 'Deny')) return 'deny'
  return applying.length > 0 ? 'allow' : 'none'
}

const applies = (statement: Statement, request: AccessRequest): boolean =>
  matchesPrincipal(statement, request) &&
  matchesAction(statement, request.action) &&
  matchesResource(statement, request.resource) &&
  matchesCondition(statement, request.context)

const matchesPrincipal = ({ Principal, NotPrincipal, Effect }: Statement, request: AccessRequest): boolean => {
  if (NotPrincipal !== undefined) return Effect === 'Deny' && !names(NotPrincipal, request)
  return names(Principal, request)
}

/** Whether a principal element names the one who asks: everyone, its account, or itself. */
const names = (principal: unknown, { account, principalArn }: AccessRequest): boolean => {
  if (principal === '*') return true
  if (principal === null || typeof principal !== 'object') return false
  return texts((principal as { AWS?: unknown }).AWS).some(
    (one) => one === '*' || one === account || one === `arn:aws:iam::${account}:root` || one === principalArn,
  )
}

const matchesAction = ({ Action, NotAction }: Statement, action: string): boolean => {
  const matches = (patterns: unknown) =>
    texts(patterns).some((pattern) => like(pattern.toLowerCase(), action.toLowerCase()))
  return NotAction === undefined ? matches(Action) : !matches(NotAction)
}

const matchesResource = ({ Resource, NotResource }: Statement, resource: string): boolean => {
  const matches = (patterns: unknown) => texts(patterns).some((pattern) => like(pattern, resource))
  if (NotResource !== undefined) return !matches(NotResource)
  // A queue's policy may leave out the queue: it can mean no other.
  return Resource === undefined || matches(Resource)
}

const matchesCondition = ({ Condition, Effect }: Statement, context: AccessRequest['context']): boolean => {
  if (Condition === undefined) return true
  const notUnderstood = Effect === 'Deny'
  if (Condition === null || typeof Condition !== 'object' || Array.isArray(Condition)) return notUnderstood
  return Object.entries(Condition).every(([operator, tests]) => {
    const test = operatorNamed(operator)
    if (!test || tests === null || typeof tests !== 'object') return notUnderstood
    return Object.entries(tests as Record<string, unknown>).every(([key, wanted]) => {
      const name = key.toLowerCase()
      if (!Object.hasOwn(context, name)) return notUnderstood
      return test(context[name], texts(wanted))
    })
  })
}

type Test = (value: string | undefined, wanted: readonly string[]) => boolean

const equal: Test = (value, wanted) => value !== undefined && wanted.includes(value)
const equalIgnoringCase: Test = (value, wanted) =>
  value !== undefined && wanted.some((one) => one.toLowerCase() === value.toLowerCase())
const alike: Test = (value, wanted) => value !== undefined && wanted.some((one) => like(one, value))
const not =
  (test: Test): Test =>
  (value, wanted) =>
    !test(value, wanted)

const OPERATORS: Readonly<Record<string, Test>> = {
  StringEquals: equal,
  StringNotEquals: not(equal),
  StringEqualsIgnoreCase: equalIgnoringCase,
  StringNotEqualsIgnoreCase: not(equalIgnoringCase),
  StringLike: alike,
  StringNotLike: not(alike),
  ArnEquals: alike,
  ArnLike: alike,
  ArnNotEquals: not(alike),
  ArnNotLike: not(alike),
  Bool: equalIgnoringCase,
  Null: (value, wanted) => wanted.includes(String(value === undefined)),
}

/** `…IfExists` holds where the request lacks the key. */
const operatorNamed = (operator: string): Test | undefined => {
  const name = operator.replace(/IfExists$/, '')
  const test = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined
  if (!test || name === operator) return test
  return (value, wanted) => value === undefined || test(value, wanted)
}

/** Whether a text fits a pattern: `*` stands for any characters, `?` for one.. */
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
  while (pattern[position] === '*') position++
  return position === pattern.length
}

const asList = (value: unknown): unknown[] => (value === undefined ? [] : Array.isArray(value) ? value : [value])
const texts = (value: unknown): string[] =>
  asList(value)
    .filter((one) => typeof one === 'string' || typeof one === 'boolean')
    .map(String)
