/** As AWS limits them: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html */
export const POLICY_BYTES = 8_192
export const MOST_STATEMENTS = 20

type Texts = string | readonly string[]
type Scalars = string | number | boolean | readonly (string | number | boolean)[]

export interface Statement {
  readonly Sid?: string
  readonly Effect: 'Allow' | 'Deny'
  readonly Principal?: '*' | Readonly<Record<string, Texts>>
  readonly NotPrincipal?: '*' | Readonly<Record<string, Texts>>
  readonly Action?: Texts
  readonly NotAction?: Texts
  readonly Resource?: Texts
  readonly NotResource?: Texts
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, Scalars>>>>
}

/** The statements of a policy; nothing when it is not one from start to end: guessing at the rest could open a queue. */
export const parsePolicy = (text: string): readonly Statement[] | undefined => {
  if (Buffer.byteLength(text) > POLICY_BYTES) return undefined
  let policy: unknown
  try {
    policy = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(policy) || !Object.keys(policy).every((member) => DOCUMENT_MEMBERS.has(member))) return undefined
  const { Version, Id, Statement } = policy
  if (Version !== undefined && Version !== '2008-10-17' && Version !== '2012-10-17') return undefined
  if (Id !== undefined && typeof Id !== 'string') return undefined
  const statements = Array.isArray(Statement) ? Statement : [Statement]
  if (statements.length < 1 || statements.length > MOST_STATEMENTS) return undefined
  return statements.every(isStatement) ? statements : undefined
}

const DOCUMENT_MEMBERS = new Set(['Version', 'Id', 'Statement'])

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/** What each member may be. Those not here a statement can't have. */
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

/** `${aws:username}` would have to be filled in, and is not here. */
const WITHOUT_VARIABLES = /^(?!.*\$\{)./s

const isTexts = (value: unknown, form: RegExp): boolean => {
  const list = Array.isArray(value) ? value : [value]
  return list.length > 0 && list.every((one) => typeof one === 'string' && form.test(one))
}

/** Everyone, an account, one of its identities, or the id that AWS leaves of one that is gone. No wildcards, as in AWS. */
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

const isCondition = (value: unknown): boolean =>
  isObject(value) &&
  Object.entries(value).every(
    ([operator, tests]) =>
      isObject(tests) &&
      Object.values(tests).every((wanted) => {
        const list = Array.isArray(wanted) ? wanted : [wanted]
        return list.length > 0 && list.every((one) => isOperand(operator, one))
      }),
  )

const isOperand = (operator: string, value: unknown): boolean => {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return false
  if (/^(Null|Bool)/.test(operator)) return /^(true|false)$/i.test(String(value))
  return !String(value).includes('${')
}
