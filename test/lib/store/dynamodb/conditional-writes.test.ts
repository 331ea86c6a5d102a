import {
  BatchExecuteStatementCommand,
  BatchGetItemCommand,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, describe, expect, test } from 'vitest'
import { FRESH, GONE, type Segment } from '../../../../lib/model/segment.ts'
import { claim, removeMessages, unclaim } from '../../../../lib/model/segment-change.ts'
import { dynamodbStore } from '../../../../lib/store/dynamodb/dynamodb-store.ts'
import { HEADER_PROJECTION, headerItem } from '../../../../lib/store/dynamodb/header-item.ts'
import { manualClock, START } from '../../../support/manual-clock.ts'
import { seededRandom } from '../../../support/seeded-random.ts'
import { lease, segmentIn, textContent, token } from '../samples.ts'

const client = new DynamoDBClient({ region: 'us-east-1' })
const mock = mockClient(client)
const store = dynamodbStore({ client, table: 'holdfast', clock: manualClock() })

/** Bytes as they are shown in what was sent: their hex digits. */
const bytes = (hex: string): string => hex.replaceAll(' ', '')

const PARTITION = { queue: 'orders', generation: 'g1', shard: 0 }
const PK = { S: 's#orders#g1#0' }
const SK = { S: '9019ca9450a0000000000000001' }
const Key = { pk: PK, sk: SK }
const LEASE = { token: token(4), now: START, until: START + 30_000 }
/** Token 4, live, until START + 30 s, received once, first at START. */
const LEASED = { B: bytes('0401020304050607 01 019ca9457f30 0001 019ca9450a00') }

const segment = (change: Parameters<typeof segmentIn>[1] = {}): Segment => segmentIn(PARTITION, change)

/** Everything that was sent, in order. */
const sent = (): [string, unknown][] =>
  mock.calls().map(({ args: [command] }) => [command.constructor.name, shown(command.input)])

const shown = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(shown)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shown(inner)]))
}

beforeEach(() => {
  mock.reset()
})

describe('insert', () => {
  test('is one put that requires absence, of a header that holds the content', async () => {
    mock.on(PutItemCommand).resolves({})
    expect(await store.insert({ segment: segment({ slots: [FRESH, FRESH] }), content: textContent('a', 'b') })).toBe(
      'inserted',
    )
    expect(sent()).toEqual([
      [
        'PutItemCommand',
        {
          TableName: 'holdfast',
          Item: {
            ...Key,
            e: { N: '1' },
            c: { N: '2' },
            x: { N: '1772712000' },
            p: { B: bytes('00 92 a161 a162') },
          },
          ConditionExpression: 'attribute_not_exists(pk)',
        },
      ],
    ])
  })

  test('of large content puts its pieces beside it, without condition and for a day longer', async () => {
    mock.on(PutItemCommand).resolves({})
    const body = seededRandom(1).bytes(500_000)
    await store.insert({ segment: segment(), content: { messages: [{ body }] } })
    const inputs = sent().map(([, input]) => input as { Item: Record<string, { S?: string; N?: string; B?: string }> })
    expect(
      inputs.map(({ Item, ...rest }) => ({ pk: Item.pk?.S, sk: Item.sk?.S, x: Item.x?.N, b: Item.b?.N, ...rest })),
    ).toEqual([
      {
        ...{ pk: PK.S, sk: SK.S, x: '1772712000', b: '2' },
        TableName: 'holdfast',
        ConditionExpression: 'attribute_not_exists(pk)',
      },
      { pk: `b#orders#g1#0#${SK.S}`, sk: '0', x: '1772798400', b: undefined, TableName: 'holdfast' },
      { pk: `b#orders#g1#0#${SK.S}`, sk: '1', x: '1772798400', b: undefined, TableName: 'holdfast' },
    ])
    expect(inputs[1]?.Item.p?.B).toHaveLength(2 * 384_000)
    expect(inputs[0]?.Item.p).toBeUndefined()
  })

  test('whose piece fails takes the header back, unless it has changed', async () => {
    const body = seededRandom(1).bytes(100_000)
    mock.on(PutItemCommand).resolves({})
    mock
      .on(PutItemCommand, { ConditionExpression: undefined })
      .rejects(Object.assign(new Error('slow down'), { name: 'ThrottlingException' }))
    mock.on(PutItemCommand, { ConditionExpression: 'attribute_not_exists(pk)' }).resolves({})
    mock.on(DeleteItemCommand).resolves({})
    await expect(store.insert({ segment: segment(), content: { messages: [{ body }] } })).rejects.toMatchObject({
      code: 'Throttled',
    })
    expect(sent().at(-1)).toEqual([
      'DeleteItemCommand',
      {
        TableName: 'holdfast',
        Key,
        ConditionExpression: 'e = :version',
        ExpressionAttributeValues: { ':version': { N: '1' } },
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      },
    ])
  })
})

describe('headers', () => {
  test('are one Query between two keys, eventually consistent, without content', async () => {
    mock.on(QueryCommand).resolves({ Items: [headerItem(segment())], LastEvaluatedKey: Key })
    const page = await store.headers({ partition: PARTITION, from: '9000', to: '9fff~', limit: 7 })
    expect(page).toEqual({ segments: [segment()], more: true })
    expect(sent()).toEqual([
      [
        'QueryCommand',
        {
          TableName: 'holdfast',
          KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
          ExpressionAttributeValues: { ':pk': PK, ':from': { S: '9000' }, ':to': { S: '9fff~' } },
          ProjectionExpression: HEADER_PROJECTION,
          ConsistentRead: false,
          Limit: 7,
        },
      ],
    ])
    expect(HEADER_PROJECTION.split(',')).not.toContain('p')
  })
})

const UPDATE = {
  TableName: 'holdfast',
  Key,
  ReturnValues: 'ALL_NEW',
  ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
}

describe('a claim', () => {
  test('of all that is left requires the version', async () => {
    mock.on(UpdateItemCommand).resolves({})
    const read = segment({ version: 3, slots: [FRESH, GONE] })
    await store.claim([{ segment: read, change: claim(read, [0], LEASE) }])
    expect(sent()).toEqual([
      [
        'UpdateItemCommand',
        {
          ...UPDATE,
          ConditionExpression: 'e = :version',
          UpdateExpression: 'SET A = :A ADD e :one',
          ExpressionAttributeValues: { ':version': { N: '3' }, ':A': LEASED, ':one': { N: '1' } },
        },
      ],
    ])
  })

  test('of a part requires each message as it was read', async () => {
    mock.on(UpdateItemCommand).resolves({})
    const before = lease({ n: 4, receiveCount: 0 })
    const read = segment({ slots: [FRESH, before, FRESH] })
    await store.claim([{ segment: read, change: claim(read, [0, 1], LEASE) }])
    expect(sent()).toEqual([
      [
        'UpdateItemCommand',
        {
          ...UPDATE,
          ConditionExpression: 'attribute_exists(e) AND attribute_not_exists(A) AND B = :Bis',
          UpdateExpression: 'SET A = :A,B = :B ADD e :one',
          ExpressionAttributeValues: {
            ':Bis': { B: bytes('0401020304050607 01 019ca9457f30 0000 019ca9450a00') },
            ':A': LEASED,
            ':B': LEASED,
            ':one': { N: '1' },
          },
        },
      ],
    ])
  })

  test('of several segments is one batch of statements, each with its version', async () => {
    mock.on(BatchExecuteStatementCommand).resolves({ Responses: [{}, {}] })
    const reads = [segment({ n: 1, version: 1 }), segment({ n: 2, version: 5 })]
    await store.claim(reads.map((read) => ({ segment: read, change: claim(read, [0], LEASE) })))
    const statement = (sk: string, version: number) => ({
      Statement: 'UPDATE "holdfast" SET "e"=?, "A"=? WHERE "pk"=? AND "sk"=? AND "e"=? RETURNING ALL NEW *',
      Parameters: [{ N: String(version + 1) }, LEASED, PK, { S: sk }, { N: String(version) }],
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    })
    expect(sent()).toEqual([
      [
        'BatchExecuteStatementCommand',
        { Statements: [statement('9019ca9450a0000000000000001', 1), statement('9019ca9450a0000000000000002', 5)] },
      ],
    ])
  })

  test('undone restores the slots that it claimed, on condition of its token', async () => {
    mock.on(UpdateItemCommand).resolves({})
    const before = segment({ slots: [FRESH, GONE] })
    await store.change([unclaim(before, claim(before, [0], LEASE))])
    expect(sent()).toEqual([
      [
        'UpdateItemCommand',
        {
          ...UPDATE,
          ConditionExpression: 'attribute_exists(e) AND A BETWEEN :Afrom AND :Ato',
          UpdateExpression: 'REMOVE A ADD e :one',
          ExpressionAttributeValues: {
            ':Afrom': { B: bytes('0401020304050607 00 000000000000') },
            ':Ato': { B: bytes('0401020304050607 ffffffffffffffff') },
            ':one': { N: '1' },
          },
        },
      ],
    ])
  })

  test('whose statement failed for anything but its condition is sent again alone', async () => {
    mock.on(BatchExecuteStatementCommand).resolves({
      Responses: [{}, { Error: { Code: 'ProvisionedThroughputExceeded', Message: 'slow down' } }],
    })
    mock.on(UpdateItemCommand).resolves({})
    const reads = [segment({ n: 1 }), segment({ n: 2 })]
    await store.claim(reads.map((read) => ({ segment: read, change: claim(read, [0], LEASE) })))
    expect(sent().map(([name]) => name)).toEqual(['BatchExecuteStatementCommand', 'UpdateItemCommand'])
    expect(sent()[1]?.[1]).toMatchObject({
      Key: { sk: { S: '9019ca9450a0000000000000002' } },
      ConditionExpression: 'e = :version',
    })
  })

  test("whose statement's condition failed returns the state that it met, which is read where the batch lacks it", async () => {
    const met = segment({ version: 2, slots: [lease({ n: 7 })] })
    const lost = { Error: { Code: 'ConditionalCheckFailed' as const, Message: 'lost' } }
    mock.on(BatchExecuteStatementCommand).resolves({ Responses: [lost, {}] })
    mock.on(GetItemCommand).resolves({ Item: headerItem(met) })
    const reads = [segment({ n: 1 }), segment({ n: 2 })]
    const outcomes = await store.claim(reads.map((read) => ({ segment: read, change: claim(read, [0], LEASE) })))
    expect(outcomes[0]).toEqual({ applied: false, segment: met })
    expect(sent()[1]).toEqual(['GetItemCommand', { TableName: 'holdfast', Key, ConsistentRead: true }])
  })

  test('whose content can not be read is no message without content', async () => {
    mock.on(UpdateItemCommand).resolves({})
    mock.on(BatchGetItemCommand).rejects(Object.assign(new Error('slow down'), { name: 'ThrottlingException' }))
    const read = segment({ bodyItems: 2 })
    expect(await store.claim([{ segment: read, change: claim(read, [0], LEASE) }])).toEqual([
      { applied: false, segment: undefined, error: expect.objectContaining({ code: 'Throttled' }) },
    ])
  })
})

describe('taking away', () => {
  test('a lone message is one delete under its token', async () => {
    mock.on(DeleteItemCommand).resolves({})
    await store.change([
      {
        key: segment().key,
        requires: { kind: 'slots', slots: [[0, { kind: 'token', token: token(4) }]] },
        slots: undefined,
      },
    ])
    expect(sent()).toEqual([
      [
        'DeleteItemCommand',
        {
          TableName: 'holdfast',
          Key,
          ConditionExpression: 'attribute_exists(e) AND A BETWEEN :Afrom AND :Ato',
          ExpressionAttributeValues: {
            ':Afrom': { B: bytes('0401020304050607 00 000000000000') },
            ':Ato': { B: bytes('0401020304050607 ffffffffffffffff') },
          },
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        },
      ],
    ])
  })

  test('some of a segment marks them gone and counts them', async () => {
    mock.on(UpdateItemCommand).resolves({})
    await store.change([
      {
        key: segment().key,
        requires: {
          kind: 'slots',
          slots: [[2, { kind: 'token', token: token(4), liveAt: START }]],
          gone: 1,
          count: 5,
        },
        slots: [[2, GONE]],
      },
    ])
    expect(sent()[0]?.[1]).toEqual({
      ...UPDATE,
      ConditionExpression: 'attribute_exists(e) AND C BETWEEN :Cfrom AND :Cto AND g = :gone AND c = :count',
      UpdateExpression: 'SET C = :C ADD e :one,g :more',
      ExpressionAttributeValues: {
        ':Cfrom': { B: bytes('0401020304050607 01 019ca9450a01') },
        ':Cto': { B: bytes('0401020304050607 ffffffffffffffff') },
        ':gone': { N: '1' },
        ':count': { N: '5' },
        ':C': { B: '' },
        ':one': { N: '1' },
        ':more': { N: '1' },
      },
    })
  })

  test('several lone messages is one batch of deletes, each under its token', async () => {
    // What a deletion returns tells that there was something: the second found nothing.
    mock.on(BatchExecuteStatementCommand).resolves({ Responses: [{ Item: headerItem(segment()) }, {}] })
    const keys = [segment({ n: 1 }).key, segment({ n: 2 }).key]
    const outcomes = await store.change(
      keys.map((key) => ({
        key,
        requires: { kind: 'slots', slots: [[0, { kind: 'token', token: token(4) }]], gone: 3, count: 4 },
        slots: undefined,
      })),
    )
    expect(outcomes).toEqual([
      { applied: true, segment: undefined },
      { applied: false, segment: undefined },
    ])
    const statement = (sk: string) => ({
      Statement:
        'DELETE FROM "holdfast" WHERE "pk"=? AND "sk"=? AND "A" BETWEEN ? AND ? AND "g"=? AND "c"=? RETURNING ALL OLD *',
      Parameters: [
        PK,
        { S: sk },
        { B: bytes('0401020304050607 00 000000000000') },
        { B: bytes('0401020304050607 ffffffffffffffff') },
        { N: '3' },
        { N: '4' },
      ],
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    })
    expect(sent()).toEqual([
      [
        'BatchExecuteStatementCommand',
        { Statements: [statement('9019ca9450a0000000000000001'), statement('9019ca9450a0000000000000002')] },
      ],
    ])
  })
})

describe('a transaction', () => {
  test('carries each write with its condition', async () => {
    mock.on(TransactWriteItemsCommand).resolves({})
    const source = segment({ version: 4, slots: [lease({ n: 4 }), FRESH] })
    await store.transact([
      { kind: 'change', change: removeMessages(source, [0]) },
      { kind: 'change', change: removeMessages(segment({ n: 2, version: 9 }), [0]) },
      { kind: 'insert', insert: { segment: segment({ n: 3 }), content: textContent('a') } },
      { kind: 'put', key: { partition: 'p', sort: 's' }, value: { to: 1 }, ifVersion: 2, expiresAt: START },
      { kind: 'put', key: { partition: 'p', sort: 't' }, value: null, ifVersion: 0 },
      { kind: 'delete', key: { partition: 'p', sort: 'u' } },
    ])
    const common = { TableName: 'holdfast', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }
    expect(sent()[0]?.[1]).toEqual({
      ClientRequestToken: expect.stringMatching(/^[0-9a-f-]{36}$/),
      TransactItems: [
        {
          Update: {
            ...common,
            Key,
            ConditionExpression: 'attribute_exists(e) AND A = :Ais',
            UpdateExpression: 'SET A = :A ADD e :one,g :more',
            ExpressionAttributeValues: {
              ':Ais': LEASED,
              ':A': { B: '' },
              ':one': { N: '1' },
              ':more': { N: '1' },
            },
          },
        },
        {
          Delete: {
            ...common,
            Key: { pk: PK, sk: { S: '9019ca9450a0000000000000002' } },
            ConditionExpression: 'e = :version',
            ExpressionAttributeValues: { ':version': { N: '9' } },
          },
        },
        {
          Put: {
            ...common,
            Item: {
              ...{ pk: PK, sk: { S: '9019ca9450a0000000000000003' } },
              ...{ e: { N: '1' }, c: { N: '1' }, x: { N: '1772712000' }, p: { B: bytes('00 91 a161') } },
            },
            ConditionExpression: 'attribute_not_exists(pk)',
          },
        },
        {
          Put: {
            ...common,
            Item: { pk: { S: 'p' }, sk: { S: 's' }, e: { N: '3' }, j: { S: '{"to":1}' }, x: { N: '1772366400' } },
            ConditionExpression: 'e = :version',
            ExpressionAttributeValues: { ':version': { N: '2' } },
          },
        },
        {
          Put: {
            ...common,
            Item: { pk: { S: 'p' }, sk: { S: 't' }, e: { N: '1' }, j: { S: 'null' } },
            ConditionExpression: 'attribute_not_exists(pk) OR x <= :now',
            ExpressionAttributeValues: { ':now': { N: '1772366400' } },
          },
        },
        { Delete: { ...common, Key: { pk: { S: 'p' }, sk: { S: 'u' } } } },
      ],
    })
  })
})
