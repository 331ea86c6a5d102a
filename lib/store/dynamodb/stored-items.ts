import { type DynamoDBClient, ScanCommand, type ScanCommandInput } from '@aws-sdk/client-dynamodb'
import { partitionId, type SegmentKey, type SegmentPartition } from '../../model/segment-key.ts'
import { KEY_KINDS, segmentKeyOf } from '../keys.ts'
import type { DocumentKey } from '../port.ts'
import type { StoredItem } from '../stored-item.ts'
import { unreadable } from '../unreadable.ts'
import { documentOf } from './documents.ts'
import { type Item, readHeader } from './header-item.ts'
import { bodiesOf, contentIn } from './segments.ts'
import { TableClient } from './table-client.ts'
import { ticketStateOf } from './tickets.ts'

export interface StoredItemsParts {
  readonly client: DynamoDBClient
  readonly table: string
  /** Epoch ms: items that have expired by then are left out. */
  readonly now: number
}

/**
 * Reads every item of a table, page by page. No process may write to the table meanwhile. A segment whose content was never
 * stored is left out: its publish failed, or was not answered. An item that can't be read is an
 * error that names it: the copy would lack it.
 *
 * reads: the table twice · cost: 0.5 RRU per 4 KB and scan
 */
export async function* storedItems({ client, table, now }: StoredItemsParts): AsyncGenerator<readonly StoredItem[]> {
  const reader = new TableClient({ client, table })
  const pages = (input: Omit<ScanCommandInput, 'TableName'>) => scanPages(client, { TableName: table, ...input })
  const shards = await shardsOfGroups(pages)
  for await (const items of pages({ ConsistentRead: true })) {
    const live = items.filter(({ x }) => x?.N === undefined || Number(x.N) * 1_000 > now)
    const segments = live.flatMap((item) => segmentIn(item, shards) ?? [])
    const bodies = await bodiesOf(
      reader,
      segments.map(({ segment }) => segment),
      true,
    )
    const stored = segments.flatMap(({ item, segment }): StoredItem[] => {
      const { content, unreadable: reason } = contentIn(item, segment, bodies)
      if (reason !== undefined) throw unreadable(keyOf(item), reason)
      return content ? [{ kind: 'segment', stored: { segment: { ...segment, bodyItems: 0 }, content } }] : []
    })
    yield [...stored, ...live.flatMap(otherIn)]
  }
}

type Pages = (input: Omit<ScanCommandInput, 'TableName'>) => AsyncGenerator<Item[]>

async function* scanPages(client: DynamoDBClient, input: ScanCommandInput): AsyncGenerator<Item[]> {
  for (let from: Item | undefined; ; ) {
    const page = await client.send(new ScanCommand({ ...input, ...(from && { ExclusiveStartKey: from }) }))
    yield page.Items ?? []
    from = page.LastEvaluatedKey
    if (!from) return
  }
}

const kindOf = ({ pk }: Item): string => pk?.S?.slice(0, 1) ?? ''
const { segment: SEGMENT, body: BODY, ticket: TICKET } = KEY_KINDS

/** The shard of each group, from the keys of the tickets: the keys of a group's segments do not name the shard. */
const shardsOfGroups = async (pages: Pages): Promise<ReadonlyMap<string, number>> => {
  const shards = new Map<string, number>()
  for await (const items of pages({ ConsistentRead: true, ProjectionExpression: 'pk, sk' })) {
    for (const item of items) {
      const place = kindOf(item) === TICKET.letter ? ticketPlace(item) : undefined
      if (place) shards.set(groupName(place.partition, place.group), place.partition.shard)
    }
  }
  return shards
}

const groupName = ({ queue, generation }: SegmentPartition, group: string): string => `${queue}#${generation}#${group}`

const segmentIn = (item: Item, shards: ReadonlyMap<string, number>) => {
  if (kindOf(item) !== SEGMENT.letter) return undefined
  const key = segmentKeyOf({ partition: item.pk?.S ?? '', sort: item.sk?.S ?? '' })
  if (!key) return undefined
  try {
    return { item, segment: readHeader(withShard(key, shards), item) }
  } catch (error) {
    throw unreadable(keyOf(item), error)
  }
}

const keyOf = ({ pk, sk }: Item): DocumentKey => ({ partition: pk?.S ?? '', sort: sk?.S ?? '' })

const withShard = ({ partition }: SegmentKey, shards: ReadonlyMap<string, number>): SegmentPartition => {
  const { group } = partition
  return group === undefined ? partition : { ...partition, shard: shards.get(groupName(partition, group)) ?? 0 }
}

const ticketPlace = ({ pk, sk }: Item): { partition: SegmentPartition; group: string } | undefined => {
  const [, queue, generation, shard] = pk?.S?.split('#') ?? []
  if (!queue || !generation || !shard || !sk?.S) return undefined
  const partition = { queue, generation, shard: Number.parseInt(shard, 36) }
  return partitionId(partition) === pk?.S?.slice(2) ? { partition, group: sk.S } : undefined
}

const otherIn = (item: Item): StoredItem[] => {
  switch (kindOf(item)) {
    case SEGMENT.letter:
    case BODY.letter:
      return []
    case TICKET.letter: {
      const place = ticketPlace(item)
      return place ? [{ kind: 'ticket', ...place, state: ticketStateOf(item) }] : []
    }
    default:
      return [
        {
          kind: 'document',
          document: documentOf(item),
          expiresAt: item.x?.N === undefined ? undefined : Number(item.x.N) * 1_000,
        },
      ]
  }
}
