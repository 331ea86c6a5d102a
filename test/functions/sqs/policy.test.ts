import { describe, expect, test } from 'vitest'
import { type AccessRequest, evaluate } from '../../../functions/sqs/policy.ts'
import fc from '../../support/properties.ts'
import { ACCOUNT, allow, decide, deny, OTHER, QUEUE, ROOT, SENDER } from './policy-samples.ts'

describe('the principal of a statement', () => {
  test.each([
    [allow, 'allow'],
    [deny, 'deny'],
    // The account itself in an Allow gives none of its own keys anything.
    [{ Effect: 'Allow', Principal: { AWS: ROOT }, Action: 'sqs:Send*' }, 'none'],
    [{ Effect: 'Deny', Principal: { AWS: `arn:aws-cn:iam::${ACCOUNT}:root` }, Action: '*' }, 'deny'],
    [{ Effect: 'Allow', Principal: { AWS: SENDER }, Action: 'sqs:Send*' }, 'allow'],
    [{ Effect: 'Allow', Principal: { Service: 'sns.amazonaws.com' }, Action: '*' }, 'none'],
    [{ Effect: 'Deny', Principal: { Service: 'sns.amazonaws.com' }, Action: '*' }, 'none'],
  ])('%j: %s', (statement, decision) => {
    expect(decide(statement)).toBe(decision)
  })

  // As IAM's page about NotPrincipal has it: the account is evaluated first and then the caller.
  test.each([
    ['another user and its account', [`arn:aws:iam::${ACCOUNT}:user/Bob`, ROOT], 'deny'],
    ['the user and its account', [SENDER, ROOT], 'none'],
    ['the user and the number of its account', [SENDER, ACCOUNT], 'none'],
    ['the user alone', SENDER, 'deny'],
    ['the account alone', ROOT, 'deny'],
    ['the number of the account alone', ACCOUNT, 'deny'],
    ['another account', OTHER, 'deny'],
    ['the user of the same name in another account', [`arn:aws:iam::${OTHER}:user/HFSENDER`, ROOT], 'deny'],
    ['a role of the account', [`arn:aws:sts::${ACCOUNT}:assumed-role/HFSENDER/HFSENDER`, ROOT], 'deny'],
    ['everyone', '*', 'none'],
  ])('in a Deny that excepts %s', (_, AWS, decision) => {
    expect(decide({ Effect: 'Deny', NotPrincipal: { AWS }, Action: '*' })).toBe(decision)
  })

  test('excepted from an Allow gives nobody anything', () => {
    for (const AWS of [OTHER, ROOT, SENDER]) {
      expect(decide({ Effect: 'Allow', NotPrincipal: { AWS }, Action: '*' })).toBe('none')
    }
  })
})

describe('the action and the resource of a statement', () => {
  test.each([
    [{ Effect: 'Allow', Principal: '*', NotAction: 'sqs:SendMessage' }, 'none'],
    [{ Effect: 'Allow', Principal: '*', NotAction: ['SQS:receive*'] }, 'allow'],
    [{ ...allow, Resource: 'arn:aws:sqs:*:*:ord?rs' }, 'allow'],
    [{ ...allow, NotResource: 'arn:aws:sqs:*:*:orders' }, 'none'],
    [{ ...deny, Resource: 'arn:aws:sqs' }, 'deny'],
    [{ ...deny, Resource: `arn:aws-us-gov:sqs:us-east-1:${ACCOUNT}` }, 'deny'],
    [{ ...deny, NotResource: 'arn:aws:sqs' }, 'none'],
    [{ ...allow, Resource: 'arn:aws:sns' }, 'none'],
  ])('%j: %s', (statement, decision) => {
    expect(decide(statement)).toBe(decision)
  })
})

describe('the condition of a statement', () => {
  const when = (effect: object, Condition: unknown) => decide({ ...effect, Condition })

  test.each([
    [deny, { Bool: { 'aws:SecureTransport': 'false' } }, 'deny'],
    [allow, { Bool: { 'aws:SecureTransport': true } }, 'none'],
    [allow, { StringEquals: { 'aws:PrincipalAccount': ['1', ACCOUNT] } }, 'allow'],
    [allow, { ArnLike: { 'aws:SourceArn': 'arn:aws:sns:*' } }, 'none'],
    [deny, { ArnNotLike: { 'aws:SourceArn': 'arn:aws:sns:*' } }, 'deny'],
    [allow, { ArnLikeIfExists: { 'aws:SourceArn': 'arn:aws:sns:*' } }, 'allow'],
    [allow, { ArnEquals: { 'AWS:principalARN': `arn:aws:iam::${ACCOUNT}:user/HF*` } }, 'allow'],
    // No wildcard goes beyond its field.
    [allow, { ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:*:user/HFSENDER' } }, 'none'],
    [allow, { StringLike: { 'aws:PrincipalArn': 'arn:*HFSENDER' } }, 'allow'],
    // What has not the fields of an ARN is not understood.
    [allow, { ArnLike: { 'aws:PrincipalArn': 'arn:*' } }, 'none'],
    [deny, { ArnLike: { 'aws:PrincipalArn': 'arn:*' } }, 'deny'],
    [allow, { ArnNotLike: { 'aws:PrincipalArn': 'arn:*' } }, 'none'],
    [allow, { Null: { 'aws:SourceArn': 'true' } }, 'allow'],
    [deny, { Null: { 'aws:username': 'true' } }, 'none'],
    // Keys and operators that no request here can be tested by never widen access.
    [allow, { IpAddress: { 'aws:SourceIp': '0.0.0.0/0' } }, 'none'],
    [deny, { IpAddress: { 'aws:SourceIp': '0.0.0.0/0' } }, 'deny'],
    [allow, { StringEquals: { 'aws:Unheard': 'x' } }, 'none'],
    [deny, { StringEquals: { 'aws:Unheard': 'x' } }, 'deny'],
    [allow, { 'ForAnyValue:StringEquals': { 'aws:username': 'HFSENDER' } }, 'none'],
    [deny, { 'ForAllValues:StringEquals': { 'aws:username': 'HFSENDER' } }, 'deny'],
  ])('%j with %j: %s', (effect, condition, decision) => {
    expect(when(effect, condition)).toBe(decision)
  })
})

/** IAM's rules read out of its documentation and written down one by one, to hold the evaluation to. */
describe('the evaluation', () => {
  const matcher = (pattern: string, any = '.*', one = '.'): RegExp =>
    new RegExp(
      `^${[...pattern].map((c) => (c === '*' ? any : c === '?' ? one : `\\x${c.charCodeAt(0).toString(16)}`)).join('')}$`,
    )
  const list = <T>(value: T | readonly T[] | undefined): T[] => (value === undefined ? [] : ([value].flat() as T[]))

  interface Given {
    readonly Effect: 'Allow' | 'Deny'
    readonly Principal?: '*' | { AWS: string | string[] }
    readonly NotPrincipal?: '*' | { AWS: string | string[] }
    readonly Action?: string | string[]
    readonly NotAction?: string | string[]
    readonly Resource?: string | string[]
    readonly NotResource?: string | string[]
    readonly Condition?: Record<string, Record<string, string | string[]>>
  }

  const principalIs = (element: Given['Principal'], { account, principalArn }: AccessRequest) => {
    const names = element === '*' ? ['*'] : list(element?.AWS)
    const everybody = names.includes('*')
    const accountNamed = names.some((name) => name === account || name === `arn:aws:iam::${account}:root`)
    return { everybody, accountNamed, userNamed: names.includes(principalArn) }
  }
  const principalHolds = (statement: Given, asked: AccessRequest): boolean => {
    if (statement.NotPrincipal) {
      const { everybody, accountNamed, userNamed } = principalIs(statement.NotPrincipal, asked)
      if (statement.Effect === 'Allow') return false
      return !everybody && !(accountNamed && userNamed)
    }
    const { everybody, accountNamed, userNamed } = principalIs(statement.Principal, asked)
    if (everybody || userNamed) return true
    if (!accountNamed) return false
    return statement.Effect === 'Deny' || !asked.resource.includes(`:${asked.account}:`)
  }
  const fieldwise = (pattern: string, arn: string): boolean => {
    const fields = arn.split(':')
    return (
      pattern.split(':').length === fields.length &&
      pattern.split(':').every((one, position) => matcher(one).test(fields[position] ?? ''))
    )
  }
  const resourceIs = (pattern: string, arn: string): boolean => {
    const missing = pattern.startsWith('arn:') ? Math.max(0, 6 - pattern.split(':').length) : 0
    const whole = pattern + ':*'.repeat(missing)
    const expression = whole
      .split(':')
      .map((field) => {
        const ending = field.endsWith('*')
        const within = matcher(ending ? field.slice(0, -1) : field, '[^:]*', '[^:]').source.slice(1, -1)
        return ending ? `${within}.*` : within
      })
      .join(':')
    return new RegExp(`^${expression}$`).test(arn)
  }
  const conditionHolds = ({ Condition = {}, Effect }: Given, { context }: AccessRequest): boolean =>
    Object.entries(Condition).every(([operator, tests]) =>
      Object.entries(tests).every(([key, operands]) => {
        const wanted = list(operands)
        if (!(key.toLowerCase() in context)) return Effect === 'Deny'
        const value = context[key.toLowerCase()]
        const ifExists = operator.endsWith('IfExists')
        if (ifExists && value === undefined) return true
        const some = (holds: (one: string) => boolean) => value !== undefined && wanted.some(holds)
        switch (operator.replace('IfExists', '')) {
          case 'StringEquals':
            return some((one) => one === value)
          case 'StringNotEquals':
            return !some((one) => one === value)
          case 'StringLike':
            return some((one) => matcher(one).test(String(value)))
          case 'ArnLike':
            return some((one) => fieldwise(one, String(value)))
          case 'ArnNotEquals':
            return !some((one) => fieldwise(one, String(value)))
          case 'Bool':
            return some((one) => one === value)
          case 'Null':
            return wanted.includes(String(value === undefined))
          default:
            return Effect === 'Deny'
        }
      }),
    )
  const holds = (statement: Given, asked: AccessRequest): boolean => {
    const { Action, NotAction, Resource, NotResource } = statement
    const acts = (patterns: string | string[] | undefined) =>
      list(patterns).some((one) => matcher(one.toLowerCase()).test(asked.action.toLowerCase()))
    const means = (patterns: string | string[] | undefined) =>
      list(patterns).some((one) => resourceIs(one, asked.resource))
    return (
      principalHolds(statement, asked) &&
      (NotAction ? !acts(NotAction) : acts(Action)) &&
      (NotResource ? !means(NotResource) : Resource === undefined || means(Resource)) &&
      conditionHolds(statement, asked)
    )
  }
  const byTheBook = (statements: readonly Given[], asked: AccessRequest) => {
    if (statements.some((one) => one.Effect === 'Deny' && holds(one, asked))) return 'deny'
    return statements.some((one) => one.Effect === 'Allow' && holds(one, asked)) ? 'allow' : 'none'
  }

  const some = <T>(...values: T[]) =>
    fc.oneof(fc.constantFrom(...values), fc.array(fc.constantFrom(...values), { minLength: 1, maxLength: 3 }))
  const principal = fc.oneof(
    fc.constant('*' as const),
    fc.record({
      AWS: some('*', ACCOUNT, OTHER, ROOT, SENDER, `arn:aws:iam::${OTHER}:root`, `arn:aws:iam::${OTHER}:user/HFSENDER`),
    }),
  )
  const action = some('*', 'sqs:*', 'SQS:SendMessage', 'sqs:Send?essage', 'sqs:Receive*', 's*e')
  const resource = some(
    '*',
    QUEUE,
    'arn:aws:sqs',
    'arn:aws:sqs:*:*:orders',
    'arn:aws:sqs:u*t-1:*:ord?rs',
    'arn:aws:sqs:*:orders',
    'arn:aws:sqs:us*0:orders',
    '*:orders',
    'arn:aws:sns:*',
    'arn:aws:sqs:us-east-1:111122223333',
  )
  const operand = some('true', 'false', ACCOUNT, 'HF*', SENDER, 'arn:aws:iam::*:user/HF*', 'arn:aws:iam::*:*')
  const key = fc.constantFrom(
    'aws:SecureTransport',
    'aws:username',
    'aws:PrincipalArn',
    'aws:SourceArn',
    'aws:SourceIp',
  )
  const text = fc.constantFrom(
    'StringEquals',
    'StringNotEquals',
    'StringLike',
    'StringLikeIfExists',
    'StringNotEqualsIfExists',
  )
  const arns = fc.constantFrom('ArnLike', 'ArnNotEquals', 'ArnLikeIfExists')
  const arnOperand = some(SENDER, 'arn:aws:iam::*:user/HF*', 'arn:aws:iam::*:*:HFSENDER', `arn:*:iam::${OTHER}:*`)
  const condition = fc.oneof(
    fc.dictionary(text, fc.dictionary(key, operand, { maxKeys: 2 }), { maxKeys: 2 }),
    fc.dictionary(arns, fc.dictionary(key, arnOperand, { maxKeys: 2 }), { maxKeys: 2 }),
    fc.dictionary(fc.constantFrom('Bool', 'Null', 'BoolIfExists'), fc.dictionary(key, some('true', 'false'))),
    fc.constant({ IpAddress: { 'aws:SourceIp': '0.0.0.0/0' } }),
  )
  const statement: fc.Arbitrary<Given> = fc
    .tuple(
      fc.constantFrom('Allow' as const, 'Deny' as const),
      fc.oneof(fc.record({ Principal: principal }), fc.record({ NotPrincipal: principal })),
      fc.oneof(fc.record({ Action: action }), fc.record({ NotAction: action })),
      fc.oneof(fc.constant({}), fc.record({ Resource: resource }), fc.record({ NotResource: resource })),
      fc.option(condition, { nil: undefined, freq: 2 }),
    )
    .map(([Effect, who, what, where, Condition]) => ({
      Effect,
      ...who,
      ...what,
      ...where,
      ...(Condition && { Condition: Condition as NonNullable<Given['Condition']> }),
    }))
  const asked: fc.Arbitrary<AccessRequest> = fc
    .record({
      account: fc.constantFrom(ACCOUNT, OTHER),
      user: fc.constantFrom('HFSENDER', 'HFOTHER'),
      action: fc.constantFrom('sqs:SendMessage', 'sqs:ReceiveMessage'),
      resource: fc.constantFrom(
        QUEUE,
        `arn:aws:sqs:eu-west-1:${OTHER}:orders`,
        `arn:aws:sqs:us-east-1:${ACCOUNT}:other`,
      ),
      secure: fc.constantFrom('true', 'false'),
    })
    .map(({ account, user, secure, ...rest }) => {
      const principalArn = `arn:aws:iam::${account}:user/${user}`
      return {
        ...rest,
        account,
        principalArn,
        context: {
          'aws:securetransport': secure,
          'aws:username': user,
          'aws:principalarn': principalArn,
          'aws:sourcearn': undefined,
        },
      }
    })

  test('decides as IAM’s documented rules do', () => {
    fc.assert(
      fc.property(fc.array(statement, { minLength: 1, maxLength: 3 }), asked, (statements, wanted) => {
        expect(evaluate(JSON.stringify({ Statement: statements }), wanted)).toBe(byTheBook(statements, wanted))
      }),
      { numRuns: 2_000 },
    )
  })

  test('decides the same whether what is absent is left out or null, and one value a list or not', () => {
    const members = ['Principal', 'NotPrincipal', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition', 'Sid']
    fc.assert(
      fc.property(statement, asked, (one, wanted) => {
        const spelled = Object.fromEntries(
          members.map((member) => {
            const value = one[member as keyof Given]
            return [member, typeof value === 'string' && value !== '*' ? [value] : (value ?? null)]
          }),
        )
        const text = JSON.stringify({ Version: null, Id: null, Statement: { ...spelled, Effect: one.Effect } })
        expect(evaluate(text, wanted)).toBe(decide([one], wanted))
      }),
    )
  })
})
