import { describe, expect, test } from 'vitest'
import { evaluate } from '../../../functions/sqs/policy.ts'
import { checkPolicy } from '../../../functions/sqs/policy-document.ts'
import { allow, deny, everyone, QUEUE, request, SENDER } from './policy-samples.ts'

describe('a policy', () => {
  const refusal = (text: string) => {
    try {
      checkPolicy(text)
      return undefined
    } catch (error) {
      const { shape, status, message } = error as { shape: string; status: number; message: string }
      return { shape, status, message }
    }
  }

  test.each([
    ['no statement', { Version: '2012-10-17' }],
    ['an empty list of statements', { Statement: [] }],
    ['an unknown version', { Version: '2020-01-01', Statement: deny }],
    ['an unknown member', { Statement: [{ ...allow, Actions: 'x' }] }],
    ['a member of another case', { Statement: [{ effect: 'Deny', ...everyone }] }],
    ['an empty action', { Statement: [{ Effect: 'Deny', Principal: '*', Action: '' }] }],
    ['no principal', { Statement: [{ Effect: 'Deny', Principal: null, Action: '*' }] }],
    ['a list as principal', { Statement: [{ Effect: 'Deny', Principal: ['*'], Action: '*' }] }],
    ['an empty list of principals', { Statement: [{ Effect: 'Deny', Principal: { AWS: [] }, Action: '*' }] }],
    ['a null among principals', { Statement: [{ Effect: 'Deny', Principal: { AWS: [null] }, Action: '*' }] }],
    ['only absent principals', { Statement: [{ Effect: 'Allow', Principal: { AWS: null }, Action: '*' }] }],
    ['an unknown kind of principal', { Statement: [{ Effect: 'Deny', Principal: { Aws: '*' }, Action: '*' }] }],
    ['a pattern of principals', { Statement: { Effect: 'Deny', Principal: { AWS: 'arn:aws:iam::1:*' }, Action: '*' } }],
    ['a variable', { Statement: [{ ...deny, Resource: `a$${'{aws:username}'}` }] }],
    ['a test that is no object', { Statement: [{ ...deny, Condition: { StringEquals: 'x' } }] }],
    [
      'an operator that is none',
      { Statement: [{ ...allow, Condition: { NullIfExists: { 'aws:username': 'true' } } }] },
    ],
    [
      'an operator of another case',
      { Statement: [{ ...allow, Condition: { stringequals: { 'aws:username': 'x' } } }] },
    ],
    ['a null in a condition', { Statement: [{ ...allow, Condition: { StringEquals: null } }] }],
    ['a null as operand', { Statement: [{ ...allow, Condition: { StringEquals: { 'aws:username': null } } }] }],
    [
      'a key of a condition in two spellings',
      { Statement: [{ ...deny, Condition: { StringEquals: { 'aws:username': 'a', 'AWS:UserName': 'b' } } }] },
    ],
  ])('with %s is refused, and denies everything where it is stored', (_, document) => {
    const text = JSON.stringify(document)
    expect(refusal(text)).toEqual({
      shape: 'InvalidAttributeValue',
      status: 400,
      message: 'Invalid value for the parameter Policy.',
    })
    expect(evaluate(text, request)).toBe('deny')
  })

  test.each([
    ['the document', '{"Statement":[{"Effect":"Deny","Principal":"*","Action":"*"}],"Statement":[]}'],
    ['a statement', '{"Statement":{"Effect":"Deny","Effect":"Allow","Principal":"*","Action":"*"}}'],
    ['a principal', '{"Statement":{"Effect":"Allow","Principal":{"AWS":"*","\\u0041WS":"*"},"Action":"*"}}'],
    ['a condition', '{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Condition":{"Bool":{},"Bool":{}}}}'],
  ])('with a member of %s twice is refused', (_, text) => {
    expect(refusal(text)).toMatchObject({ shape: 'InvalidAttributeValue' })
    expect(evaluate(text, request)).toBe('deny')
  })

  test.each([
    ['more than 8,192 bytes', { Id: 'x'.repeat(8_192), Statement: deny }, 'Submitted policy is over max allowed size.'],
    [
      'more than twenty statements',
      { Statement: Array(21).fill(deny) },
      '21 statements were found in the submitted policy, max allowed is 20',
    ],
    [
      'more than seven actions in a statement',
      { Statement: { Effect: 'Deny', Principal: '*', Action: Array(10).fill('sqs:SendMessage') } },
      '10 actions were found in a statement from the submitted policy, max allowed is 7',
    ],
  ])('with %s is over a limit', (_, document, message) => {
    expect(refusal(JSON.stringify(document))).toEqual({ shape: 'OverLimit', status: 403, message })
  })

  test.each([
    [
      'of Terraform’s jsonencode, with what was not set as null',
      {
        Version: '2012-10-17',
        Id: null,
        Statement: [
          {
            Sid: null,
            Effect: 'Allow',
            Principal: { AWS: SENDER, Service: null },
            NotPrincipal: null,
            Action: ['sqs:SendMessage'],
            NotAction: null,
            Resource: QUEUE,
            NotResource: null,
            Condition: null,
          },
        ],
      },
    ],
    [
      'of Terraform’s aws_iam_policy_document',
      {
        Version: '2012-10-17',
        Statement: [
          {
            Sid: '',
            Effect: 'Allow',
            Principal: { AWS: '*' },
            Action: ['sqs:SendMessage', 'sqs:Get*'],
            Resource: QUEUE,
          },
        ],
      },
    ],
    [
      'of the CDK, for a grant and for TLS alone',
      {
        Version: '2012-10-17',
        Statement: [
          {
            Action: 'sqs:*',
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
            Effect: 'Deny',
            Principal: { AWS: '*' },
            Resource: QUEUE,
          },
          {
            Action: ['sqs:SendMessage', 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl'],
            Effect: 'Allow',
            Principal: { AWS: SENDER },
            Resource: QUEUE,
          },
        ],
      },
    ],
    [
      'of AddPermission',
      {
        Version: '2008-10-17',
        Id: `${QUEUE}/SQSDefaultPolicy`,
        Statement: [
          { Sid: 'l', Effect: 'Allow', Principal: { AWS: SENDER }, Action: 'SQS:SendMessage', Resource: QUEUE },
        ],
      },
    ],
    [
      'of one statement without a list',
      { Statement: { Effect: 'Allow', Principal: '*', Action: 'SQS:*', Condition: {} } },
    ],
  ])('%s is taken', (_, document) => {
    const text = JSON.stringify(document, null, 2)
    expect(refusal(text)).toBeUndefined()
    const secure = { ...request, context: { ...request.context, 'aws:securetransport': 'true' } }
    expect(evaluate(text, secure)).toBe('allow')
  })
})
