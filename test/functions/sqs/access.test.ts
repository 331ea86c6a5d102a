import { describe, expect, test } from 'vitest'
import type { IssuedKey } from '../../../functions/sqs/keys.ts'
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
const REDRIVER: IssuedKey = {
  accessKeyId: 'HFREDRIVER',
  secretAccessKey: 'the-secret-of-the-redriver',
  permissions: [
    { actions: ['sqs:*'], queues: ['dead'] },
    { actions: ['sqs:SendMessage'], queues: ['orders*'] },
  ],
}
const STRANGER: IssuedKey = {
  accessKeyId: 'HFSTRANGER',
  secretAccessKey: 'the-secret-of-strangers',
  accountId: '111122223333',
}

const guarded = () => {
  const engine = testEngine()
  const keys = [OWNER, SENDER, NOBODY, MOVER, TAKER, REDRIVER, STRANGER]
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

  test('with permissions may do these actions on these queues', async () => {
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

  test('of another account alone gives access to no queue', async () => {
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
})

describe('who is locked out', () => {
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
})

describe('a move task', () => {
  const ARN = 'arn:aws:sqs:us-east-1:000000000000'
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: `${ARN}:dead`, maxReceiveCount: 1 })
  const DENY_SEND = policy({ Effect: 'Deny', Principal: '*', Action: 'sqs:SendMessage' })
  const SourceArn = `${ARN}:dead`

  /** Queues whose first message is in the dead-letter queue, where they name it now or did so once. */
  const withDeadLetters = async (...names: string[]) => {
    const { engine, as } = guarded()
    await as(OWNER, 'CreateQueue', { QueueName: 'dead' })
    const urls: Record<string, string> = {}
    for (const name of names) {
      const { QueueUrl } = (await as(OWNER, 'CreateQueue', { QueueName: name, Attributes: { RedrivePolicy } })).body
      urls[name] = QueueUrl
      await as(OWNER, 'SendMessage', { QueueUrl, MessageBody: `of ${name}` })
      await as(OWNER, 'ReceiveMessage', { QueueUrl, VisibilityTimeout: 0 })
      await as(OWNER, 'ReceiveMessage', { QueueUrl })
    }
    const set = (name: string, Attributes: object) =>
      as(OWNER, 'SetQueueAttributes', { QueueUrl: urls[name], Attributes })
    const bodiesIn = async (QueueUrl: string) =>
      ((await as(OWNER, 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })).body.Messages ?? []).map(
        ({ Body }: { Body: string }) => Body,
      )
    const bodies = async (name: string) => bodiesIn(urls[name] ?? `http://localhost/000000000000/${name}`)
    return { engine, as, set, bodies }
  }

  test('needs the rights to take from its source and to send to its origins', async () => {
    const { as, bodies } = await withDeadLetters('orders')
    expect(failureOf(await as(MOVER, 'StartMessageMoveTask', { SourceArn })).message).toContain('sqs:ReceiveMessage')
    expect(failureOf(await as(TAKER, 'StartMessageMoveTask', { SourceArn })).message).toContain('sqs:SendMessage')
    expect((await as(OWNER, 'StartMessageMoveTask', { SourceArn })).status).toBe(200)
    expect(await bodies('orders')).toEqual(['of orders'])
  })

  test('needs the right to send to its destination', async () => {
    const { as } = await withDeadLetters('orders')
    const { QueueUrl } = (await as(OWNER, 'CreateQueue', { QueueName: 'elsewhere' })).body
    const start = { SourceArn, DestinationArn: `${ARN}:elsewhere` }
    expect(failureOf(await as(TAKER, 'StartMessageMoveTask', start)).message).toContain(
      'sqs:sendmessage on resource: arn:aws:sqs:us-east-1:000000000000:elsewhere',
    )
    await as(OWNER, 'SetQueueAttributes', { QueueUrl, Attributes: DENY_SEND })
    expect(failureOf(await as(OWNER, 'StartMessageMoveTask', start)).shape).toBe('AccessDenied')
  })

  test('is refused where a policy of one of its origins denies the sending', async () => {
    const { as, set } = await withDeadLetters('orders', 'bills')
    await set('bills', DENY_SEND)
    expect(failureOf(await as(OWNER, 'StartMessageMoveTask', { SourceArn })).message).toContain(
      'sqs:sendmessage on resource: arn:aws:sqs:us-east-1:000000000000:bills with an explicit deny',
    )
  })

  test('leaves messages of a queue that no longer names the source, where its starter may not send there', async () => {
    const { as, set, bodies } = await withDeadLetters('orders', 'bills')
    await set('bills', { RedrivePolicy: '', ...DENY_SEND })
    expect((await as(OWNER, 'StartMessageMoveTask', { SourceArn })).status).toBe(200)
    expect(await bodies('bills')).toEqual([])
    expect(await bodies('orders')).toEqual(['of orders'])
    expect(await bodies('dead')).toEqual(['of bills'])
  })

  test('of a key with permissions goes to the queues that they name alone', async () => {
    const { as, set, bodies } = await withDeadLetters('orders', 'bills')
    await set('bills', { RedrivePolicy: '' })
    expect((await as(REDRIVER, 'StartMessageMoveTask', { SourceArn })).status).toBe(200)
    expect(await bodies('bills')).toEqual([])
    expect(await bodies('orders')).toEqual(['of orders'])
    expect(await bodies('dead')).toEqual(['of bills'])
  })

  test('of the owner takes messages back to a queue that no longer names the source', async () => {
    const { as, set, bodies } = await withDeadLetters('orders', 'bills')
    await set('bills', { RedrivePolicy: '' })
    expect((await as(OWNER, 'StartMessageMoveTask', { SourceArn })).status).toBe(200)
    expect(await bodies('bills')).toEqual(['of bills'])
    expect(await bodies('dead')).toEqual([])
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

  test('of several callers at once are all kept', async () => {
    const { sqs, QueueUrl, add, shown } = await withPermission()
    const labels = ['a', 'b', 'c', 'd']
    const added = await Promise.all(labels.map((Label) => add({ Label })))
    expect(added.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    const sids = async () => ((await shown())?.Statement ?? []).map(({ Sid }: { Sid: string }) => Sid).sort()
    expect(await sids()).toEqual(labels)
    const change = [
      sqs.json('RemovePermission', { QueueUrl, Label: 'a' }),
      add({ Label: 'e' }),
      sqs.json('RemovePermission', { QueueUrl, Label: 'c' }),
    ]
    await Promise.all(change)
    expect(await sids()).toEqual(['b', 'd', 'e'])
  })

  test('of one label by several callers at once are one', async () => {
    const { add, shown } = await withPermission()
    const added = await Promise.all([add({}), add({}), add({})])
    expect(added.map(({ status }) => status).sort()).toEqual([200, 400, 400])
    expect((await shown()).Statement).toHaveLength(1)
  })

  test('leave a policy that would be over its size as it is', async () => {
    const { sqs, QueueUrl, add, shown } = await withPermission()
    const statement = { Sid: 's'.repeat(7_900), Effect: 'Deny', Principal: '*', Action: 'sqs:PurgeQueue' }
    const Policy = JSON.stringify({ Statement: statement })
    await sqs.json('SetQueueAttributes', { QueueUrl, Attributes: { Policy } })
    expect(failureOf(await add({}))).toEqual({
      status: 403,
      shape: 'OverLimit',
      code: 'OverLimit;Sender',
      message: 'Submitted policy is over max allowed size.',
    })
    expect(await shown()).toEqual({ Statement: statement })
  })
})
