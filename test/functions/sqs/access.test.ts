import { describe, expect, test } from 'vitest'
import type { IssuedKey } from '../../../functions/sqs/keys.ts'
import { evaluate, like } from '../../../functions/sqs/policy.ts'
import { sigv4Authenticator } from '../../../functions/sqs/sigv4.ts'
import { testEngine } from '../../support/test-engine.ts'
import { failureOf, sqsHarness } from './harness.ts'
import { signedJson } from './signing.ts'

const OWNER = { accessKeyId: 'HFOWNER', secretAccessKey: 'the-secret-of-the-owner' }
const SENDER: IssuedKey = {
  accessKeyId: 'HFSENDER',
  secretAccessKey: 'the-secret-of-the-sender',
  permissions: [{ actions: ['sqs:SendMessage', 'sqs:Get*'], queues: ['orders*'] }],
}
const NOBODY: IssuedKey = { accessKeyId: 'HFNOBODY', secretAccessKey: 'the-secret-of-nobody', permissions: [] }
const MOVER: IssuedKey = {
  accessKeyId: 'HFMOVER',
  secretAccessKey: 'the-secret-of-the-mover',
  permissions: [{ actions: ['sqs:StartMessageMoveTask'], queues: ['*'] }],
}
const TAKER: IssuedKey = {
  accessKeyId: 'HFTAKER',
  secretAccessKey: 'the-secret-of-the-taker',
  permissions: [{ actions: ['sqs:*'], queues: ['dead'] }],
}
const STRANGER: IssuedKey = {
  accessKeyId: 'HFSTRANGER',
  secretAccessKey: 'the-secret-of-strangers',
  accountId: '111122223333',
}

const guarded = () => {
  const engine = testEngine()
  const keys = [OWNER, SENDER, NOBODY, MOVER, TAKER, STRANGER]
  const ring = { find: async (id: string) => keys.find(({ accessKeyId }) => accessKeyId === id) }
  const sqs = sqsHarness({ authenticate: sigv4Authenticator({ keys: ring, clock: engine.clock }) }, engine)
  const as = async (key: IssuedKey, action: string, input: object, more: Record<string, string> = {}) => {
    const request = await signedJson(action, input, { key, at: engine.clock.now() })
    for (const [name, value] of Object.entries(more)) request.headers.set(name, value)
    const response = await sqs.fetch(request)
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : undefined }
  }
  return { engine, as }
}
const withQueue = async (Attributes: object = {}) => {
  const { engine, as } = guarded()
  const { body } = await as(OWNER, 'CreateQueue', { QueueName: 'orders', Attributes })
  return { engine, as, QueueUrl: body.QueueUrl as string }
}
const policy = (...Statement: object[]) => ({ Policy: JSON.stringify({ Version: '2012-10-17', Statement }) })

describe('a key', () => {
  test('without permissions listed may do anything in its account', async () => {
    const { as, QueueUrl } = await withQueue()
    expect((await as(OWNER, 'PurgeQueue', { QueueUrl })).status).toBe(200)
    expect((await as(OWNER, 'ListQueues', {})).body).toEqual({ QueueUrls: [QueueUrl] })
  })

  test('with permissions may do what they say, where they say it', async () => {
    const { as, QueueUrl } = await withQueue()
    const others = (await as(OWNER, 'CreateQueue', { QueueName: 'others' })).body.QueueUrl
    expect((await as(SENDER, 'SendMessage', { QueueUrl, MessageBody: 'x' })).status).toBe(200)
    expect((await as(SENDER, 'SendMessageBatch', { QueueUrl, Entries: [{ Id: 'a', MessageBody: 'x' }] })).status).toBe(
      200,
    )
    expect((await as(SENDER, 'GetQueueUrl', { QueueName: 'orders' })).status).toBe(200)
    expect(failureOf(await as(SENDER, 'SendMessage', { QueueUrl: others, MessageBody: 'x' })).shape).toBe(
      'AccessDenied',
    )
    expect(failureOf(await as(SENDER, 'ReceiveMessage', { QueueUrl }))).toEqual({
      status: 403,
      shape: 'AccessDenied',
      code: 'AccessDenied;Sender',
      message:
        'User: arn:aws:iam::000000000000:user/HFSENDER is not authorized to perform: sqs:receivemessage on resource: arn:aws:sqs:us-east-1:000000000000:orders because no identity-based policy allows the sqs:ReceiveMessage action',
    })
    for (const action of ['ListQueues', 'DeleteQueue', 'PurgeQueue', 'CreateQueue']) {
      expect(failureOf(await as(SENDER, action, { QueueUrl, QueueName: 'orders-2' })).shape).toBe('AccessDenied')
    }
  })

  test('of another account gets at no queue by itself', async () => {
    const { as, QueueUrl } = await withQueue()
    expect(failureOf(await as(STRANGER, 'SendMessage', { QueueUrl, MessageBody: 'x' })).shape).toBe('AccessDenied')
    expect((await as(STRANGER, 'CreateQueue', { QueueName: 'orders' })).body.QueueUrl).toContain('/111122223333/orders')
  })
})

describe('a queue policy', () => {
  test('opens the queue to keys and accounts, but never to what is its owner’s alone', async () => {
    const { as, QueueUrl } = await withQueue(
      policy(
        {
          Effect: 'Allow',
          Principal: { AWS: 'arn:aws:iam::000000000000:user/HFNOBODY' },
          Action: 'SQS:SendMessage',
          Resource: '*',
        },
        {
          Effect: 'Allow',
          Principal: { AWS: ['111122223333'] },
          Action: 'sqs:*',
          Resource: 'arn:aws:sqs:us-east-1:000000000000:orders',
        },
      ),
    )
    expect((await as(NOBODY, 'SendMessage', { QueueUrl, MessageBody: 'x' })).status).toBe(200)
    expect(failureOf(await as(NOBODY, 'ReceiveMessage', { QueueUrl })).shape).toBe('AccessDenied')
    expect((await as(STRANGER, 'ReceiveMessage', { QueueUrl })).status).toBe(200)
    expect(failureOf(await as(STRANGER, 'DeleteQueue', { QueueUrl })).shape).toBe('AccessDenied')
  })

  test('denies also what a key allows', async () => {
    const { as, QueueUrl } = await withQueue(policy({ Effect: 'Deny', Principal: '*', Action: 'sqs:PurgeQueue' }))
    expect(failureOf(await as(OWNER, 'PurgeQueue', { QueueUrl })).message).toContain('with an explicit deny')
    expect((await as(OWNER, 'SendMessage', { QueueUrl, MessageBody: 'x' })).status).toBe(200)
  })

  const request = {
    account: '000000000000',
    principalArn: 'arn:aws:iam::000000000000:user/HFSENDER',
    action: 'sqs:SendMessage',
    resource: 'arn:aws:sqs:us-east-1:000000000000:orders',
    context: { 'aws:securetransport': 'false', 'aws:principalaccount': '000000000000', 'aws:sourcearn': undefined },
  }
  const everyone = { Principal: '*', Action: '*' }
  test.each([
    [{ Effect: 'Allow', ...everyone }, 'allow'],
    [{ Effect: 'Deny', ...everyone }, 'deny'],
    // The account itself in an Allow gives none of its own keys anything.
    [{ Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::000000000000:root' }, Action: 'sqs:Send*' }, 'none'],
    [{ Effect: 'Deny', Principal: { AWS: 'arn:aws-cn:iam::000000000000:root' }, Action: '*' }, 'deny'],
    [{ Effect: 'Allow', Principal: { AWS: request.principalArn }, Action: 'sqs:Send*' }, 'allow'],
    [{ Effect: 'Deny', Principal: ['*'], Action: '*' }, 'deny'],
    [{ Effect: 'Deny', Principal: { AWS: [] }, Action: '*' }, 'deny'],
    [{ Effect: 'Deny', ...everyone, Condition: { StringEquals: 'x' } }, 'deny'],
    [{ Effect: 'Allow', Principal: { Service: 'sns.amazonaws.com' }, Action: '*' }, 'none'],
    [{ Effect: 'Allow', Principal: '*', NotAction: 'sqs:SendMessage' }, 'none'],
    [{ Effect: 'Allow', ...everyone, Resource: 'arn:aws:sqs:*:*:ord?rs' }, 'allow'],
    [{ Effect: 'Allow', ...everyone, NotResource: 'arn:aws:sqs:*:*:orders' }, 'none'],
    [{ Effect: 'Allow', NotPrincipal: { AWS: '111122223333' }, Action: '*' }, 'none'],
    [{ Effect: 'Deny', NotPrincipal: { AWS: '111122223333' }, Action: '*' }, 'deny'],
    [{ Effect: 'Deny', NotPrincipal: { AWS: '000000000000' }, Action: '*' }, 'none'],
    [{ Effect: 'Deny', ...everyone, Condition: { Bool: { 'aws:SecureTransport': 'false' } } }, 'deny'],
    [{ Effect: 'Allow', ...everyone, Condition: { Bool: { 'aws:SecureTransport': true } } }, 'none'],
    [
      { Effect: 'Allow', ...everyone, Condition: { StringEquals: { 'aws:PrincipalAccount': ['1', '000000000000'] } } },
      'allow',
    ],
    [{ Effect: 'Allow', ...everyone, Condition: { ArnLike: { 'aws:SourceArn': 'arn:aws:sns:*' } } }, 'none'],
    [{ Effect: 'Deny', ...everyone, Condition: { ArnNotLike: { 'aws:SourceArn': 'arn:aws:sns:*' } } }, 'deny'],
    [{ Effect: 'Allow', ...everyone, Condition: { ArnLikeIfExists: { 'aws:SourceArn': 'arn:aws:sns:*' } } }, 'allow'],
    [{ Effect: 'Allow', ...everyone, Condition: { Null: { 'aws:SourceArn': 'true' } } }, 'allow'],
    // What is not understood never widens access.
    [{ Effect: 'Allow', ...everyone, Condition: { IpAddress: { 'aws:SourceIp': '0.0.0.0/0' } } }, 'none'],
    [{ Effect: 'Deny', ...everyone, Condition: { IpAddress: { 'aws:SourceIp': '0.0.0.0/0' } } }, 'deny'],
    [{ Effect: 'Allow', ...everyone, Condition: { StringEquals: { 'aws:Unheard': 'x' } } }, 'none'],
    [{ Effect: 'Deny', ...everyone, Condition: { StringEquals: { 'aws:Unheard': 'x' } } }, 'deny'],
  ])('%j: %s', (statement, decision) => {
    expect(evaluate(JSON.stringify({ Statement: [statement] }), request)).toBe(decision)
  })

  test.each([
    ['*', '', true],
    ['a*c', 'abbc', true],
    ['a*c', 'abbcd', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['*a*b', 'xxaxxab', true],
    ['a.c', 'abc', false],
    ['', 'a', false],
  ])('the pattern %s on %s: %s', (pattern, text, fits) => {
    expect(like(pattern, text)).toBe(fits)
  })
})

const MALFORMED: [string, unknown][] = [
  ['no statement', { Version: '2012-10-17' }],
  ['an empty list of statements', { Statement: [] }],
  ['more than twenty statements', { Statement: Array(21).fill({ Effect: 'Allow', Principal: '*', Action: '*' }) }],
  ['an unknown member', { Statement: [{ Effect: 'Allow', Principal: '*', Action: '*', Actions: 'x' }] }],
  ['an empty action', { Statement: [{ Effect: 'Deny', Principal: '*', Action: '' }] }],
  ['an unknown kind of principal', { Statement: [{ Effect: 'Deny', Principal: { Aws: '*' }, Action: '*' }] }],
  ['a pattern of principals', { Statement: [{ Effect: 'Deny', Principal: { AWS: 'arn:aws:iam::1:*' }, Action: '*' }] }],
  ['a variable', { Statement: [{ Effect: 'Deny', Principal: '*', Action: '*', Resource: `a$${'{aws:username}'}` }] }],
  ['more than 8,192 bytes', { Id: 'x'.repeat(8_192), Statement: { Effect: 'Deny', Principal: '*', Action: '*' } }],
]

describe('who is locked out', () => {
  test.each(MALFORMED)('no policy with %s can be set', async (_, document) => {
    const { as, QueueUrl } = await withQueue()
    const set = await as(OWNER, 'SetQueueAttributes', { QueueUrl, Attributes: { Policy: JSON.stringify(document) } })
    expect(failureOf(set)).toMatchObject({ status: 400, shape: 'InvalidAttributeValue' })
  })

  test('an unrestricted key of the queue’s account can take back a policy that denies everyone everything', async () => {
    const { as, QueueUrl } = await withQueue(policy({ Effect: 'Deny', Principal: '*', Action: '*' }))
    expect((await as(OWNER, 'SendMessage', { QueueUrl, MessageBody: 'x' })).status).toBe(403)
    expect((await as(SENDER, 'GetQueueAttributes', { QueueUrl })).status).toBe(403)
    expect((await as(OWNER, 'SetQueueAttributes', { QueueUrl, Attributes: { Policy: '' } })).status).toBe(200)
  })

  test('a claim of TLS in a header is not taken for it', async () => {
    const { as, QueueUrl } = await withQueue(
      policy({
        Effect: 'Deny',
        Principal: '*',
        Action: 'sqs:SendMessage',
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      }),
    )
    const headers = { 'x-forwarded-proto': 'https' }
    expect((await as(OWNER, 'SendMessage', { QueueUrl, MessageBody: 'x' }, headers)).status).toBe(403)
  })

  test('who may start a move task but not receive has no messages moved', async () => {
    const { as } = await withQueue()
    await as(OWNER, 'CreateQueue', { QueueName: 'dead' })
    const SourceArn = 'arn:aws:sqs:us-east-1:000000000000:dead'
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: SourceArn, maxReceiveCount: 1 })
    await as(OWNER, 'CreateQueue', { QueueName: 'source', Attributes: { RedrivePolicy } })
    expect(failureOf(await as(MOVER, 'StartMessageMoveTask', { SourceArn })).message).toContain('sqs:ReceiveMessage')
    expect(failureOf(await as(TAKER, 'StartMessageMoveTask', { SourceArn })).message).toContain('sqs:SendMessage')
    expect((await as(OWNER, 'StartMessageMoveTask', { SourceArn })).status).toBe(200)
  })
})

describe('AddPermission, RemovePermission', () => {
  const ARN = 'arn:aws:sqs:us-east-1:000000000000:orders'
  const withPermission = async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    const add = (input: object) =>
      sqs.json('AddPermission', {
        QueueUrl,
        Label: 'l',
        AWSAccountIds: ['111122223333'],
        Actions: ['SendMessage'],
        ...input,
      })
    const shown = async () => {
      const { body } = await sqs.json('GetQueueAttributes', { QueueUrl, AttributeNames: ['Policy'] })
      return body.Attributes && JSON.parse(body.Attributes.Policy)
    }
    return { sqs, QueueUrl, add, shown }
  }

  test('edit the policy, statement by statement', async () => {
    const { sqs, QueueUrl, add, shown } = await withPermission()
    expect((await add({})).body).toEqual({})
    await add({
      Label: 'm',
      AWSAccountIds: ['111122223333', '444455556666'],
      Actions: ['ReceiveMessage', 'DeleteMessage'],
    })
    const first = {
      Sid: 'l',
      Effect: 'Allow',
      Principal: { AWS: 'arn:aws:iam::111122223333:root' },
      Action: 'SQS:SendMessage',
      Resource: ARN,
    }
    const second = {
      Sid: 'm',
      Effect: 'Allow',
      Principal: { AWS: ['arn:aws:iam::111122223333:root', 'arn:aws:iam::444455556666:root'] },
      Action: ['SQS:ReceiveMessage', 'SQS:DeleteMessage'],
      Resource: ARN,
    }
    expect(await shown()).toEqual({ Version: '2008-10-17', Id: `${ARN}/SQSDefaultPolicy`, Statement: [first, second] })
    await sqs.json('RemovePermission', { QueueUrl, Label: 'l' })
    expect((await shown()).Statement).toEqual([second])
    await sqs.json('RemovePermission', { QueueUrl, Label: 'm' })
    expect(await shown()).toBeUndefined()
    expect(failureOf(await sqs.json('RemovePermission', { QueueUrl, Label: 'm' })).message).toBe(
      "Value m for parameter Label is invalid. Reason: can't find label.",
    )
  })

  test.each([
    [{ Label: 'a b' }, 'InvalidParameterValueException', 'for parameter Label is invalid'],
    [{ Label: undefined }, 'MissingRequiredParameterException', 'Label'],
    [
      { AWSAccountIds: [] },
      'InvalidParameterValueException',
      'Value [] for parameter PrincipalId is invalid. Reason: Unable to verify.',
    ],
    [{ Actions: [] }, 'MissingRequiredParameterException', 'The request must contain the parameter Actions.'],
    [
      { AWSAccountIds: ['1'] },
      'InvalidParameterValueException',
      'Value 1 for parameter PrincipalId is invalid. Reason: Unable to verify.',
    ],
    [
      { Actions: ['DeleteQueue'] },
      'InvalidParameterValueException',
      'Value SQS:DeleteQueue for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this action.',
    ],
    [{ Actions: Array(8).fill('SendMessage') }, 'OverLimit', '8 Actions were found, maximum allowed is 7.'],
  ])('refuse %j', async (input, shape, message) => {
    const { add } = await withPermission()
    expect(failureOf(await add(input))).toMatchObject({ shape, message: expect.stringContaining(message) })
  })

  test('take a label once, and twenty of them', async () => {
    const { add } = await withPermission()
    for (let label = 0; label < 20; label++) expect((await add({ Label: `l${label}` })).status).toBe(200)
    expect(failureOf(await add({ Label: 'l3' })).message).toBe(
      'Value l3 for parameter Label is invalid. Reason: Already exists.',
    )
    expect(failureOf(await add({ Label: 'more' }))).toMatchObject({ status: 403, shape: 'OverLimit' })
  })
})
