import { isArn, like, likeArn, likeResource } from './pattern.ts'
import { parsePolicy, type Statement } from './policy-document.ts'

/**
 * Evaluates queue policies for callers whose signature was verified. A condition that is not understood never widens
 * access: an Allow with it does not apply, a Deny with it does.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-using-identity-based-policies.html
 */
export interface AccessRequest {
  readonly account: string
  readonly principalArn: string
  /** `sqs:SendMessage` */
  readonly action: string
  readonly resource: string
  /** Condition keys of the request, in lower case; `undefined` for a key that is known and absent. */
  readonly context: Readonly<Record<string, string | undefined>>
}

export type Decision = 'allow' | 'deny' | 'none'

export const evaluate = (text: string | undefined, request: AccessRequest): Decision => {
  if (!text) return 'none'
  const policy = parsePolicy(text)
  // The part that can't be read may be a Deny.
  if (!policy) return 'deny'
  const applying = policy.statements.filter((statement) => applies(statement, request))
  if (applying.some(({ Effect }) => Effect === 'Deny')) return 'deny'
  return applying.length > 0 ? 'allow' : 'none'
}

const applies = (statement: Statement, request: AccessRequest): boolean =>
  appliesToPrincipal(statement, request) &&
  appliesToAction(statement, request.action) &&
  appliesToResource(statement, request.resource) &&
  meetsCondition(statement, request.context)

/**
 * An Allow for another account applies to its keys, which also need permissions of their own. An Allow for the queue's
 * own account gives its keys nothing. A Deny for an account applies to all its keys.
 */
const appliesToPrincipal = ({ Principal, NotPrincipal, Effect }: Statement, request: AccessRequest): boolean => {
  if (NotPrincipal !== undefined) return Effect === 'Deny' && !exempts(NotPrincipal, request)
  const { account, user } = named(Principal, request)
  const ofOwner = accountOfArn(request.resource) === request.account
  return user || (account && (Effect === 'Deny' || !ofOwner))
}

/**
 * IAM evaluates the caller's account first and then the caller. So a Deny exempts only a caller that is named together
 * with its account: the account alone exempts none of its keys, and a key alone is denied with its account.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
 */
const exempts = (principal: Statement['NotPrincipal'], request: AccessRequest): boolean => {
  const { account, user } = named(principal, request)
  return account && user
}

/** Whether a principal element names the caller's account, and whether it names the caller; `*` names both. */
const named = (principal: Statement['Principal'], request: AccessRequest): { account: boolean; user: boolean } => {
  if (principal === '*') return { account: true, user: true }
  const names = texts(principal?.AWS).map(inOurPartition)
  const all = names.includes('*')
  return {
    account: all || names.includes(request.account) || names.includes(`arn:aws:iam::${request.account}:root`),
    user: all || names.includes(request.principalArn),
  }
}

const accountOfArn = (arn: string): string | undefined => arn.split(':')[4]

/** The ARN in the partition `aws`, which all ARNs here are in: policies written for China and GovCloud have others. */
const inOurPartition = (arn: string): string => arn.replace(/^arn:aws-(?:cn|us-gov):/, 'arn:aws:')

const appliesToAction = ({ Action, NotAction }: Statement, action: string): boolean => {
  const matches = (patterns: unknown) =>
    texts(patterns).some((pattern) => like(pattern.toLowerCase(), action.toLowerCase()))
  return NotAction === undefined ? matches(Action) : !matches(NotAction)
}

const appliesToResource = ({ Resource, NotResource }: Statement, resource: string): boolean => {
  const matches = (patterns: unknown) =>
    texts(patterns).some((pattern) => likeResource(inOurPartition(pattern), resource))
  if (NotResource !== undefined) return !matches(NotResource)
  // Without a resource a statement applies to the queue that has the policy.
  return Resource === undefined || matches(Resource)
}

const meetsCondition = ({ Condition = {}, Effect }: Statement, context: AccessRequest['context']): boolean => {
  const whenUnknown = Effect === 'Deny'
  return Object.entries(Condition).every(([operator, tests]) => {
    const test = operatorNamed(operator)
    if (!test) return whenUnknown
    return Object.entries(tests).every(([key, wanted]) => {
      const name = key.toLowerCase()
      return (Object.hasOwn(context, name) ? test(context[name], texts(wanted)) : undefined) ?? whenUnknown
    })
  })
}

/** Whether a value of the request meets a condition; undefined where the condition is not understood. */
type Test = (value: string | undefined, wanted: readonly string[]) => boolean | undefined

const equal: Test = (value, wanted) => value !== undefined && wanted.includes(value)
const equalIgnoringCase: Test = (value, wanted) =>
  value !== undefined && wanted.some((one) => one.toLowerCase() === value.toLowerCase())
const matchesPattern: Test = (value, wanted) => value !== undefined && wanted.some((one) => like(one, value))
const matchesArn: Test = (value, wanted) => {
  if (value === undefined) return false
  if (wanted.some((one) => likeArn(inOurPartition(one), value))) return true
  return wanted.every(isArn) ? false : undefined
}
const not =
  (test: Test): Test =>
  (value, wanted) => {
    const met = test(value, wanted)
    return met === undefined ? undefined : !met
  }

const OPERATORS: Readonly<Record<string, Test>> = {
  StringEquals: equal,
  StringNotEquals: not(equal),
  StringEqualsIgnoreCase: equalIgnoringCase,
  StringNotEqualsIgnoreCase: not(equalIgnoringCase),
  StringLike: matchesPattern,
  StringNotLike: not(matchesPattern),
  ArnEquals: matchesArn,
  ArnLike: matchesArn,
  ArnNotEquals: not(matchesArn),
  ArnNotLike: not(matchesArn),
  Bool: equalIgnoringCase,
  Null: (value, wanted) => equalIgnoringCase(String(value === undefined), wanted),
}

/** `…IfExists` is met where the request lacks the key. */
const operatorNamed = (operator: string): Test | undefined => {
  const name = operator.replace(/IfExists$/, '')
  const test = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined
  if (!test || name === operator) return test
  return (value, wanted) => value === undefined || test(value, wanted)
}

const texts = (value: unknown): string[] =>
  value === undefined ? [] : (Array.isArray(value) ? value : [value]).map(String)
