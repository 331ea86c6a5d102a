import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { describe, expect, test } from 'vitest'
import { dueKey, KEY_KINDS, triggerKey } from '../../lib/store/keys.ts'
import { allows, type Statement as PolicyStatement } from '../support/iam-gate.ts'
import { functionOf, serviceTemplate, someFunction } from '../support/template.ts'

interface Statement extends PolicyStatement {
  readonly Resource: unknown
}

const { ofType } = serviceTemplate()
const roles = ofType('AWS::IAM::Role')

const statementsOf = (name: string): Statement[] => {
  const [, role] = roles.find(([id]) => functionOf(id) === name) ?? []
  return role?.Policies[0].PolicyDocument.Statement ?? []
}
const actionsOn = (name: string, service: string): string[] =>
  statementsOf(name)
    .flatMap(({ Action }) => Action)
    .filter((action) => action.startsWith(`${service}:`))
    .map((action) => action.slice(service.length + 1))

describe('what each function may do', () => {
  test.each([
    ['publish', ['BatchGetItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem']],
    [
      'poll',
      [
        'BatchGetItem',
        'ConditionCheckItem',
        'DeleteItem',
        'GetItem',
        'PartiQLUpdate',
        'PutItem',
        'Query',
        'UpdateItem',
      ],
    ],
    [
      'ack',
      [
        'DeleteItem',
        'GetItem',
        'PartiQLDelete',
        'Query',
        'UpdateItem',
        'PutItem',
        'PutItem',
        'BatchGetItem',
        'BatchGetItem',
      ],
    ],
    ['queues', ['DeleteItem', 'GetItem', 'PutItem', 'Query']],
    ['messages', ['BatchGetItem', 'ConditionCheckItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem']],
    ['results', ['BatchGetItem', 'GetItem', 'Query']],
    ['redrive', ['BatchGetItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query']],
    ['redriveRun', ['BatchGetItem', 'ConditionCheckItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem']],
    [
      'sqs',
      [
        'BatchGetItem',
        'ConditionCheckItem',
        'DeleteItem',
        'GetItem',
        'PartiQLDelete',
        'PartiQLUpdate',
        'PutItem',
        'Query',
        'UpdateItem',
      ],
    ],
    ['monitor', ['GetItem', 'Query']],
  ])('%s: to the table, %j', (name, actions) => {
    expect(actionsOn(name, 'dynamodb')).toEqual(actions)
  })

  test('lets acks, extensions and nacks write early releases and results, and no messages', () => {
    const may = (partition: string) => allows(statementsOf('ack'), { action: 'PutItem', leadingKeys: [partition] })
    expect([may('e#orders#mf1x2y3z#0'), may('o#orders#mf1x2y3z#0')]).toEqual([true, true])
    for (const { letter } of Object.values(KEY_KINDS))
      expect([letter, may(`${letter}#orders#mf1x2y3z#0`)]).toEqual([letter, letter === 'e' || letter === 'o'])
    expect(allows(statementsOf('ack'), { action: 'PutItem', leadingKeys: [] })).toBe(false)
  })

  test('is nothing else than to write its log, but for who starts redrives and who reads keys', () => {
    const rest = roles.map(([id]) => {
      const others = statementsOf(functionOf(id))
        .flatMap(({ Action }) => Action)
        .filter((action) => !action.startsWith('dynamodb:'))
      return [functionOf(id), others]
    })
    const log = ['logs:CreateLogStream', 'logs:PutLogEvents']
    expect(Object.fromEntries(rest)).toEqual({
      publish: log,
      poll: log,
      ack: log,
      queues: log,
      messages: log,
      results: log,
      redrive: [...log, 'lambda:InvokeFunction'],
      redriveRun: log,
      sqs: [...log, 'lambda:InvokeFunction', 'secretsmanager:GetSecretValue'],
      monitor: log,
    })
  })

  test('is on its own log, the one table, the one secret and the one function that moves messages', () => {
    const targets = roles.flatMap(([id]) => {
      const name = functionOf(id)
      return statementsOf(name).map(({ Action, Resource }) => {
        const [service] = [Action].flat().map((action: string) => action.split(':')[0])
        const [logicalId] = (Resource as { 'Fn::GetAtt': [string, string] })['Fn::GetAtt']
        const own = /Log[0-9A-F]{8}$/.test(logicalId)
        return own && functionOf(logicalId) === name
          ? 'logs its own'
          : `${service} ${logicalId.replace(/[0-9A-F]{8}$/, '')}`
      })
    })
    expect([...new Set(targets)].sort()).toEqual([
      'dynamodb ServiceTable',
      'lambda ServiceRedriveRunFunction',
      'logs its own',
      'secretsmanager ServiceSqsKeys',
    ])
  })

  test('has no wildcard, no denial and no managed policy', () => {
    const statements = roles.flatMap(([id]) => statementsOf(functionOf(id)))
    expect(statements.flatMap(({ Action }) => Action).filter((action) => action.includes('*'))).toEqual([])
    expect(statements.filter(({ Effect }) => Effect !== 'Allow')).toEqual([])
    expect(statements.filter(({ Resource }) => JSON.stringify(Resource).includes('*'))).toEqual([])
    expect(roles.filter(([, role]) => 'ManagedPolicyArns' in role)).toEqual([])
    expect(ofType('AWS::IAM::Policy')).toEqual([])
  })

  test('takes in the key of a table that is encrypted with one, through DynamoDB only', () => {
    const keyArn = 'arn:aws:kms:eu-west-1:111122223333:key/0f3b'
    for (const [, role] of serviceTemplate({ encryptionKeyArn: keyArn }).ofType('AWS::IAM::Role')) {
      expect(role.Policies[0].PolicyDocument.Statement).toContainEqual({
        Effect: 'Allow',
        Action: [
          'kms:Decrypt',
          'kms:DescribeKey',
          'kms:Encrypt',
          'kms:GenerateDataKey',
          'kms:ReEncryptFrom',
          'kms:ReEncryptTo',
        ],
        Resource: keyArn,
        Condition: {
          StringEquals: {
            'kms:ViaService': { 'Fn::Join': ['', ['dynamodb.', { Ref: 'AWS::Region' }, '.amazonaws.com']] },
          },
        },
      })
    }
  })
})

describe('what the functions may do that deliver queues to consumers', () => {
  const consuming = serviceTemplate({}, (service, stack) => {
    const role = new Role(stack, 'ConsumerRole', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
    service.addQueue('orders').addConsumer(someFunction(stack, 'Consumer', { role }))
  })
  const ofRole = (name: string): Statement[] =>
    consuming
      .ofType('AWS::IAM::Role')
      .filter(([id]) => functionOf(id) === name)
      .flatMap(([, role]) => role.Policies[0].PolicyDocument.Statement)
  const nameOf = (resource: unknown): string => {
    const { Ref, 'Fn::GetAtt': attribute } = resource as { Ref?: string; 'Fn::GetAtt'?: [string, string] }
    const [id = '', part = ''] = attribute ?? [Ref]
    return `${id.replace(/[0-9A-F]{8}$/, '')} ${part}`.trim()
  }
  const shown = (statements: readonly Statement[]) =>
    statements.map(({ Action, Resource, Condition }) => [
      [Action].flat().join(' '),
      [Resource].flat().map(nameOf).join(', '),
      ...[Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] ?? []].flat(),
    ])

  test('wake: to read triggers, marks and whether queues are paused, to keep the due index, to read the one stream, and to start the dispatcher', () => {
    expect(shown(ofRole('wake'))).toEqual([
      ['dynamodb:GetItem', 'ServiceTable Arn', 'g#*'],
      ['dynamodb:GetItem dynamodb:PutItem dynamodb:Query', 'ServiceTable Arn', 'i#*'],
      ['dynamodb:GetItem', 'ServiceTable Arn', 'q#*'],
      ['logs:CreateLogStream logs:PutLogEvents', 'ServiceWakeLog Arn'],
      [
        'dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator dynamodb:ListStreams',
        'ServiceTable StreamArn',
      ],
      ['sns:Publish', 'ServiceLostRecords'],
      ['lambda:InvokeFunction', 'ServiceDispatchFunction Arn'],
    ])
  })

  test('dispatch: what consumers and pollers do in the table, and to invoke itself and the consumers', () => {
    expect(shown(ofRole('dispatch'))).toEqual([
      // As the function does that answers SQS clients.
      [
        actionsOn('sqs', 'dynamodb')
          .map((action) => `dynamodb:${action}`)
          .join(' '),
        'ServiceTable Arn',
      ],
      ['logs:CreateLogStream logs:PutLogEvents', 'ServiceDispatchLog Arn'],
    ])
    const [[, policy] = ['', {}]] = consuming.ofType('AWS::IAM::Policy')
    expect(policy.Roles).toEqual([{ Ref: expect.stringMatching(/^ServiceDispatchRole/) }])
    expect(shown(policy.PolicyDocument.Statement)).toEqual([
      ['lambda:InvokeFunction', 'ServiceDispatchFunction Arn, Consumer Arn'],
    ])
    expect(consuming.ofType('AWS::IAM::Policy')).toHaveLength(1)
  })

  test('is for no grant of a queue: what is invoked, and how, only deployments and these two functions write', () => {
    const granted = serviceTemplate({}, (service, stack) => {
      const role = new Role(stack, 'EveryGrant', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
      const orders = service.addQueue('orders')
      orders.grantPublish(role)
      service.grantPublish('orders', role, { pendingIds: true })
      orders.grantConsume(role)
      orders.grantBrowse(role)
      orders.grantManage(role)
      orders.grantReadResults(role)
    })
    const statements = granted
      .ofType('AWS::IAM::Policy')
      .flatMap(([, { PolicyDocument }]) => PolicyDocument.Statement as Statement[])
    const may = (action: string, partition: string) => allows(statements, { action, leadingKeys: [partition] })
    expect(may('PutItem', 's#orders#generation#0')).toBe(true)
    const actions = ['BatchWriteItem', 'DeleteItem', 'GetItem', 'PartiQLUpdate', 'PutItem', 'Query', 'UpdateItem']
    for (const partition of [triggerKey('orders').partition, dueKey('orders').partition]) {
      expect(actions.filter((action) => may(action, partition))).toEqual([])
    }
  })

  test('gives the consumer itself nothing', () => {
    expect(Object.keys(consuming.ofType('AWS::IAM::Role').find(([id]) => /^Consumer/.test(id))?.[1] ?? {})).toEqual([
      'AssumeRolePolicyDocument',
    ])
  })
})
