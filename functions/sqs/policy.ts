import { parsePolicy, type Statement } from './policy-document.ts'

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

export const evaluate = (policy: string | undefined, request: AccessRequest): Decision => {
  if (!policy) return 'none'
  const statements = parsePolicy(policy)
  // A Deny may be in what can't be read.
  if (!statements) return 'deny'
  const applying = statements.filter((statement) => applies(statement, request))
  if (applying.some(({ Effect }) => Effect === 'Deny')) return 'deny'
  return applying.length > 0 ? 'allow' : 'none'
}

const applies = (statement: Statement, request: AccessRequest): boolean =>
  matchesPrincipal(statement, request) &&
  matchesAction(statement, request.action) &&
  matchesResource(statement, request.resource) &&
  matchesCondition(statement, request.context)

const matchesPrincipal = ({ Principal, NotPrincipal, Effect }: Statement, request: AccessRequest): boolean => {
  if (NotPrincipal !== undefined) return Effect === 'Deny' && !names(NotPrincipal, request, true)
  // The queue's own account in an Allow leaves it to the account's permissions who may: to none of its keys is it given.
  return names(Principal, request, Effect === 'Deny' || request.resource.split(':')[4] !== request.account)
}

/** Whether a principal element names the one who asks: everyone, itself, or, where that counts, its account. */
const names = (
  principal: Statement['Principal'],
  { account, principalArn }: AccessRequest,
  byAccount: boolean,
): boolean => {
  if (principal === '*') return true
  return texts(principal?.AWS)
    .map(inOurPartition)
    .some(
      (one) =>
        one === '*' ||
        one === principalArn ||
        (byAccount && (one === account || one === `arn:aws:iam::${account}:root`)),
    )
}

/** ARNs of China and GovCloud, as policies written for there have them; ours are all of `aws`. */
const inOurPartition = (arn: string): string => arn.replace(/^arn:aws-(?:cn|us-gov):/, 'arn:aws:')

const matchesAction = ({ Action, NotAction }: Statement, action: string): boolean => {
  const matches = (patterns: unknown) =>
    texts(patterns).some((pattern) => like(pattern.toLowerCase(), action.toLowerCase()))
  return NotAction === undefined ? matches(Action) : !matches(NotAction)
}

const matchesResource = ({ Resource, NotResource }: Statement, resource: string): boolean => {
  const matches = (patterns: unknown) => texts(patterns).some((pattern) => like(inOurPartition(pattern), resource))
  if (NotResource !== undefined) return !matches(NotResource)
  // A queue's policy may leave out the queue: it can mean no other.
  return Resource === undefined || matches(Resource)
}

const matchesCondition = ({ Condition = {}, Effect }: Statement, context: AccessRequest['context']): boolean => {
  const notUnderstood = Effect === 'Deny'
  return Object.entries(Condition).every(([operator, tests]) => {
    const test = operatorNamed(operator)
    if (!test) return notUnderstood
    return Object.entries(tests).every(([key, wanted]) => {
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
const alikeArn: Test = (value, wanted) => alike(value, wanted.map(inOurPartition))
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
  ArnEquals: alikeArn,
  ArnLike: alikeArn,
  ArnNotEquals: not(alikeArn),
  ArnNotLike: not(alikeArn),
  Bool: equalIgnoringCase,
  Null: (value, wanted) => equalIgnoringCase(String(value === undefined), wanted),
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

const texts = (value: unknown): string[] =>
  value === undefined ? [] : (Array.isArray(value) ? value : [value]).map(String)
