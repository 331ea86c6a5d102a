import type { DynamoDBStreamEvent } from 'aws-lambda'
import { eventPattern } from '../../lib/triggers/filter/event-pattern.ts'
import { taggedJson } from '../../lib/triggers/filter/tagged-json.ts'

type StreamRecord = NonNullable<DynamoDBStreamEvent['Records']>[number]

export interface TableStream {
  /** The engine's records of writes since the last call. */
  read(): Promise<StreamRecord[]>
}

/** Rules for the top level of a stream's record. None of its fields is text that may be JSON. */
const RULES = {
  names: ['awsRegion', 'dynamodb', 'eventID', 'eventName', 'eventSource', 'eventVersion', 'userIdentity'],
  text: 'none',
}

/** The records that Lambda passes on by the patterns of a mapping. */
export const filtered = (records: readonly StreamRecord[], patterns: readonly string[]): StreamRecord[] => {
  const tests = patterns.map((pattern) => eventPattern(taggedJson(pattern), 'pattern', RULES))
  return records.filter((record) => {
    const tagged = taggedJson(JSON.stringify(record))
    return tests.some((test) => test(tagged as Parameters<typeof test>[0]))
  })
}

/** Turns a table's stream on, and reads it from there. */
export const openStream = async (endpoint: string, table: string, viewType: string): Promise<TableStream> => {
  const call = async (target: string, body: object) => {
    const answer = await fetch(endpoint, {
      method: 'POST',
      headers: {
        'x-amz-target': target,
        'content-type': 'application/x-amz-json-1.0',
        authorization:
          'AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=x',
        'x-amz-date': '20260101T000000Z',
      },
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(`${target}: ${await answer.text()}`)
    // biome-ignore lint/suspicious/noExplicitAny: answers are as various as DynamoDB.
    return (await answer.json()) as any
  }
  const { TableDescription } = await call('DynamoDB_20120810.UpdateTable', {
    TableName: table,
    StreamSpecification: { StreamEnabled: true, StreamViewType: viewType },
  })
  const StreamArn: string = TableDescription.LatestStreamArn
  const iterators = new Map<string, string>()
  const streams = (operation: string, body: object) => call(`DynamoDBStreams_20120810.${operation}`, body)
  const readShard = async (ShardId: string): Promise<StreamRecord[]> => {
    const found: StreamRecord[] = []
    for (;;) {
      const iterator =
        iterators.get(ShardId) ??
        (await streams('GetShardIterator', { StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' })).ShardIterator
      const { Records, NextShardIterator } = await streams('GetRecords', { ShardIterator: iterator })
      if (NextShardIterator) iterators.set(ShardId, NextShardIterator)
      found.push(...Records)
      if (Records.length === 0 || !NextShardIterator) return found
    }
  }
  return {
    read: async () => {
      const { StreamDescription } = await streams('DescribeStream', { StreamArn })
      const found: StreamRecord[] = []
      for (const { ShardId } of StreamDescription.Shards) found.push(...(await readShard(ShardId)))
      return found
    },
  }
}
