import { isObject, JsonFault, parseStrictJson } from '../runtime/strict-json.ts'
import { invalidAttribute, SqsError } from './errors.ts'

/**
 * SQS's limits of a policy:
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html
 */
const MAX_POLICY_BYTES = 8_192
export const MAX_STATEMENTS = 20
export const MAX_ACTIONS = 7

type Texts = string | readonly string[]
type Scalars = string | number | boolean | readonly (string | number | boolean)[]
type PrincipalMap = Readonly<Record<string, Texts>>

export interface Statement {
  readonly Sid?: string
  readonly Effect: 'Allow' | 'Deny'
  readonly Principal?: '*' | PrincipalMap
  readonly NotPrincipal?: '*' | PrincipalMap
  readonly Action?: Texts
  readonly NotAction?: Texts
  readonly Resource?: Texts
  readonly NotResource?: Texts
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, Scalars>>>>
}

export interface PolicyDocument {
  readonly Version?: string
  readonly Id?: string
  readonly statements: readonly Statement[]
}

/**
 * Reads a policy; returns nothing unless all of the text is understood, because a part that is ignored could be a
 * restriction. A member that is `null` counts as absent: tools write members that are not set this way.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 */
export const parsePolicy = (text: string): PolicyDocument | undefined => {
  if (Buffer.byteLength(text) > MAX_POLICY_BYTES) return undefined
  const policy = withoutNulls(parsed(text))
  if (!isObject(policy) || !Object.keys(policy).every((member) => DOCUMENT_MEMBERS.has(member))) return undefined
  const { Version, Id, Statement } = policy
  if (Version !== undefined && Version !== '2008-10-17' && Version !== '2012-10-17') return undefined
  if (Id !== undefined && typeof Id !== 'string') return undefined
  const statements = (Array.isArray(Statement) ? Statement : [Statement]).map(statementWithoutNulls)
  if (statements.length < 1 || !statements.every(isStatement)) return undefined
  return { ...(Version !== undefined && { Version }), ...(Id !== undefined && { Id }), statements }
}

/**
 * Checks a text that is to become a queue's policy.
 *
 * @throws `OverLimit`, `InvalidAttributeValue`
 */
export const checkPolicy = (text: string): void => {
  checkPolicySize(text)
  const policy = parsePolicy(text)
  if (!policy) throw invalidAttribute('Policy')
  const { length } = policy.statements
  if (length > MAX_STATEMENTS) {
    throw new SqsError(
      'OverLimit',
      `${length} statements were found in the submitted policy, max allowed is ${MAX_STATEMENTS}`,
    )
  }
  for (const { Action, NotAction } of policy.statements) {
    const actions = [Action ?? NotAction].flat().length
    if (actions > MAX_ACTIONS) {
      throw new SqsError(
        'OverLimit',
        `${actions} actions were found in a statement from the submitted policy, max allowed is ${MAX_ACTIONS}`,
      )
    }
  }
}

/** @throws `OverLimit` */
export const checkPolicySize = (text: string): void => {
  if (Buffer.byteLength(text) > MAX_POLICY_BYTES) {
    throw new SqsError('OverLimit', 'Submitted policy is over max allowed size.')
  }
}

const DOCUMENT_MEMBERS = new Set(['Version', 'Id', 'Statement'])

const parsed = (text: string): unknown => {
  try {
    return parseStrictJson(text)
  } catch (error) {
    if (error instanceof JsonFault) return undefined
    throw error
  }
}

const withoutNulls = (value: unknown): unknown =>
  isObject(value) ? Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null)) : value

/** Nulls within a condition stay, and are refused: without that test an Allow would allow more. */
const statementWithoutNulls = (statement: unknown): unknown => {
  const plain = withoutNulls(statement)
  if (!isObject(plain)) return plain
  const { Principal, NotPrincipal } = plain
  return {
    ...plain,
    ...(Principal !== undefined && { Principal: withoutNulls(Principal) }),
    ...(NotPrincipal !== undefined && { NotPrincipal: withoutNulls(NotPrincipal) }),
  }
}

/** The members of a statement, each with its check. */
const MEMBERS: Readonly<Record<string, (value: unknown) => boolean>> = {
  Sid: (value) => typeof value === 'string',
  Effect: (value) => value === 'Allow' || value === 'Deny',
  Principal: (value) => isPrincipal(value),
  NotPrincipal: (value) => isPrincipal(value),
  Action: (value) => isTexts(value, /./),
  NotAction: (value) => isTexts(value, /./),
  Resource: (value) => isTexts(value, WITHOUT_VARIABLES),
  NotResource: (value) => isTexts(value, WITHOUT_VARIABLES),
  Condition: (value) => isCondition(value),
}

const isStatement = (value: unknown): value is Statement => {
  if (!isObject(value)) return false
  const oneOf = (a: string, b: string) => (value[a] === undefined) !== (value[b] === undefined)
  return (
    value.Effect !== undefined &&
    oneOf('Action', 'NotAction') &&
    oneOf('Principal', 'NotPrincipal') &&
    !(value.Resource !== undefined && value.NotResource !== undefined) &&
    Object.entries(value).every(([member, given]) => Object.hasOwn(MEMBERS, member) && MEMBERS[member]?.(given))
  )
}

/** Policy variables such as `${aws:username}` are not supported. */
const WITHOUT_VARIABLES = /^(?!.*\$\{)./s

const isTexts = (value: unknown, form: RegExp): boolean => {
  const list = Array.isArray(value) ? value : [value]
  return list.length > 0 && list.every((one) => typeof one === 'string' && form.test(one))
}

/** `*`, an account, one of its identities, or the id that AWS puts in the place of a deleted identity. */
const AWS_PRINCIPAL =
  /^(?:\*|\d{12}|arn:aws(?:-cn|-us-gov)?:(?:iam|sts)::\d{12}:(?:root|[a-z-]+\/[^*?]+)|[A-Z0-9]{16,128})$/
const PRINCIPALS: Readonly<Record<string, RegExp>> = {
  AWS: AWS_PRINCIPAL,
  Service: /^[^*?]+$/,
  Federated: /^[^*?]+$/,
  CanonicalUser: /^[^*?]+$/,
}

const isPrincipal = (value: unknown): boolean =>
  value === '*' ||
  (isObject(value) &&
    Object.keys(value).length > 0 &&
    Object.entries(value).every(([kind, names]) => {
      const form = Object.hasOwn(PRINCIPALS, kind) ? PRINCIPALS[kind] : undefined
      return form !== undefined && isTexts(names, form)
    }))

/**
 * IAM's operators, including those that this server does not evaluate. `Null` has no form with `IfExists`: it tests
 * whether the key is there.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
 */
const OPERATOR =
  /^(?:Null|(?:(?:ForAllValues|ForAnyValue):)?(?:String(?:Not)?(?:Equals|EqualsIgnoreCase|Like)|(?:Numeric|Date)(?:Equals|NotEquals|LessThan|LessThanEquals|GreaterThan|GreaterThanEquals)|Arn(?:Not)?(?:Equals|Like)|(?:Not)?IpAddress|Bool|BinaryEquals)(?:IfExists)?)$/

const isCondition = (value: unknown): boolean =>
  isObject(value) &&
  Object.entries(value).every(
    ([operator, tests]) =>
      OPERATOR.test(operator) &&
      isObject(tests) &&
      isDistinct(Object.keys(tests).map((key) => key.toLowerCase())) &&
      Object.values(tests).every((wanted) => {
        const list = Array.isArray(wanted) ? wanted : [wanted]
        return list.length > 0 && list.every((one) => isOperand(operator, one))
      }),
  )

/** The case of a condition key does not matter: two spellings of one key are a member twice. */
const isDistinct = (names: readonly string[]): boolean => new Set(names).size === names.length

const isOperand = (operator: string, value: unknown): boolean => {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return false
  if (/^(?:Null|(?:For\w+:)?Bool)/.test(operator)) return /^(?:true|false)$/i.test(String(value))
  return !String(value).includes('${')
}
