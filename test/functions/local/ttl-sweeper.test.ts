import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DynamoDBClient,
  PutItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb'
import { mockClient } from 'aws-sdk-client-mock'
import { describe, expect, onTestFinished, test } from 'vitest'
import { sweep } from '../../../functions/local/ttl-sweeper.ts'
import { silentLog } from '../../../functions/runtime/log.ts'
import { embeddedTable, noEmbedded } from '../../support/embedded.ts'
import { hastyClock } from '../../support/manual-clock.ts'

const clock = hastyClock(1_900_000_000_000)
const signal = new AbortController().signal

describe('the sweeper', () => {
  test.skipIf(noEmbedded())('deletes what is past its time, page by page, and nothing else', async () => {
    const { client, table, close } = await embeddedTable()
    onTestFinished(close)
    const put = (sk: string, x?: number) =>
      client.send(
        new PutItemCommand({
          TableName: table,
          Item: { pk: { S: 'p' }, sk: { S: sk }, ...(x && { x: { N: `${x}` } }) },
        }),
      )
    for (let item = 0; item < 300; item++) await put(`past-${item}`, 1_899_999_999 - item)
    await put('now', 1_900_000_000)
    await put('later', 1_900_000_001)
    await put('forever')
    expect(await sweep({ client, table, clock, signal, log: silentLog })).toBe(300)
    const { Items = [] } = await client.send(new ScanCommand({ TableName: table }))
    expect(Items.map(({ sk }) => sk?.S)).toEqual(['forever', 'later', 'now'])
  })

  test('leaves an item whose time was put off after it was read', async () => {
    const client = new DynamoDBClient({ region: 'us-east-1' })
    const mock = mockClient(client)
    onTestFinished(() => mock.restore())
    const item = { pk: { S: 'p' }, sk: { S: 's' }, x: { N: '1' } }
    mock.on(ScanCommand).resolves({ Items: [item] })
    mock.on(DeleteItemCommand).rejects(new ConditionalCheckFailedException({ message: 'no', $metadata: {} }))
    expect(await sweep({ client, table: 't', clock, signal, log: silentLog })).toBe(0)
    expect(mock.commandCalls(DeleteItemCommand)[0]?.args[0].input).toEqual({
      TableName: 't',
      Key: { pk: { S: 'p' }, sk: { S: 's' } },
      ConditionExpression: '#x = :x',
      ExpressionAttributeNames: { '#x': 'x' },
      ExpressionAttributeValues: { ':x': { N: '1' } },
    })
  })
})
