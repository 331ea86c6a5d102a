import { randomUUID } from 'node:crypto'
import {
  CreateTableCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { mockClient } from 'aws-sdk-client-mock'
import { describe, expect, test } from 'vitest'
import { createTable } from '../../../../lib/store/dynamodb/table.ts'
import { embeddedEndpoint, localClient, noEmbedded } from '../../../support/embedded.ts'

const silent = (message: string): void => {
  throw new Error(`warned: ${message}`)
}

describe.skipIf(noEmbedded())('a table on DynamoDB', () => {
  const ttlOf = async (client: DynamoDBClient, TableName: string) => {
    const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName }))
    return [TimeToLiveDescription?.TimeToLiveStatus, TimeToLiveDescription?.AttributeName]
  }

  test('is created with its TTL, by any number of processes at once', async () => {
    const client = localClient(embeddedEndpoint())
    const table = `holdfast-${randomUUID()}`
    await Promise.all([1, 2, 3].map(() => createTable(client, table, { warn: silent })))
    await createTable(client, table, { warn: silent })
    expect(await ttlOf(client, table)).toEqual(['ENABLED', 'x'])
    client.destroy()
  })

  test('gets its TTL when it exists without', async () => {
    const client = localClient(embeddedEndpoint())
    const TableName = `holdfast-${randomUUID()}`
    await client.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        AttributeDefinitions: [
          { AttributeName: 'pk', AttributeType: 'S' },
          { AttributeName: 'sk', AttributeType: 'S' },
        ],
      }),
    )
    await createTable(client, TableName, { warn: silent })
    expect(await ttlOf(client, TableName)).toEqual(['ENABLED', 'x'])
    client.destroy()
  })
})

describe('a table whose TTL', () => {
  const client = new DynamoDBClient({ region: 'us-east-1' })
  const mock = mockClient(client)
  const failure = (name: string, message: string) => Object.assign(new Error(message), { name })
  const described = (TimeToLiveStatus: string, AttributeName?: string) => ({
    TimeToLiveDescription: { TimeToLiveStatus, ...(AttributeName && { AttributeName }) } as object,
  })
  const started = async (): Promise<string[]> => {
    const warnings: string[] = []
    mock.on(DescribeTableCommand).resolves({ Table: { TableStatus: 'ACTIVE' } })
    await createTable(client, 'holdfast', { warn: (message) => warnings.push(message) })
    return warnings
  }
  const updates = () => mock.commandCalls(UpdateTimeToLiveCommand).length

  test.each(['ENABLED', 'ENABLING'])('is %s stays as it is', async (status) => {
    mock.reset()
    mock.on(DescribeTimeToLiveCommand).resolves(described(status, 'x'))
    expect(await started()).toEqual([])
    expect(updates()).toBe(0)
  })

  test('is turned on by another process meanwhile is as it should be', async () => {
    mock.reset()
    mock.on(DescribeTimeToLiveCommand).resolvesOnce(described('DISABLED')).resolves(described('ENABLING', 'x'))
    mock.on(UpdateTimeToLiveCommand).rejects(failure('ValidationException', 'TimeToLive is already enabled'))
    expect(await started()).toEqual([])
    expect(updates()).toBe(1)
  })

  test.each([
    ['AccessDeniedException', 'not authorized to perform: dynamodb:UpdateTimeToLive'],
    ['ValidationException', 'Time to live has been modified multiple times within a fixed interval'],
  ])('can not be turned on, for %s, is warned of', async (name, message) => {
    mock.reset()
    mock.on(DescribeTimeToLiveCommand).resolves(described('DISABLED'))
    mock.on(UpdateTimeToLiveCommand).rejects(failure(name, message))
    expect(await started()).toEqual([
      `DynamoDB will not delete expired items of the table holdfast: its TTL could not be turned on: ${message}`,
    ])
  })

  test('can not be looked at is warned of', async () => {
    mock.reset()
    mock.on(DescribeTimeToLiveCommand).rejects(failure('AccessDeniedException', 'not authorized'))
    const [warning] = await started()
    expect(warning).toContain('lacks the right dynamodb:DescribeTimeToLive')
  })

  test('is on for another attribute is warned of', async () => {
    mock.reset()
    mock.on(DescribeTimeToLiveCommand).resolves(described('ENABLED', 'ttl'))
    expect(await started()).toEqual([
      'DynamoDB will not delete expired items of the table holdfast: its TTL is on for the attribute ttl instead of x',
    ])
    expect(updates()).toBe(0)
  })
})
