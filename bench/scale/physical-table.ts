/**
 * How DynamoDB divides the throughput of a table in on-demand mode. `docs/scale.md` names the source of each figure, and what is
 * assumed where AWS publishes none.
 */
export interface TableRules {
  /** Units a second that one physical partition takes. */
  readonly partitionWrites: number
  readonly partitionReads: number
  /** Seconds of unused capacity that a partition keeps for bursts. */
  readonly burstSeconds: number
  /** Units a second that the table takes, each of writes and reads: a quota of the account. */
  readonly quota: number
  /**
   * Physical partitions at first: a new table's four, or as many as it was warmed for. Infinity: one for each partition key, as once
   * all splits for heat are done.
   */
  readonly partitions: number
  /** A partition that was at its limit for this long is split. Infinity: the partitions stay as they are. */
  readonly splitAfterMs: number
}

export const ON_DEMAND: TableRules = {
  partitionWrites: 1_000,
  partitionReads: 3_000,
  burstSeconds: 0,
  quota: 40_000,
  partitions: 4,
  splitAfterMs: Number.POSITIVE_INFINITY,
}

/** The same table with a part of the throughput of each partition and of the quota. */
export const partOf = (rules: Partial<TableRules>, part: number): TableRules => {
  const { partitionWrites, partitionReads, quota, ...rest } = { ...ON_DEMAND, ...rules }
  return {
    ...rest,
    partitionWrites: partitionWrites * part,
    partitionReads: partitionReads * part,
    quota: quota * part,
  }
}

export type Kind = 'read' | 'write'
export type Refusal = 'KeyRangeThroughputExceeded' | 'AccountLimitExceeded'

export interface PhysicalTable {
  /** Why a request for items under a partition key is refused now; nothing when it is served. */
  refusal(key: string, kind: Kind, now: number): Refusal | undefined
  /** Accounts for a request that was served. A read's units are known only then, so a partition may go into debt. */
  charge(key: string, kind: Kind, units: number, now: number): void
  /** Splits hot partitions. To be called every `HEAT_WINDOW_MS`. */
  settle(): void
  partitions(): number
}

export const HEAT_WINDOW_MS = 10_000
/** A partition is hot when it gave this part of its capacity, or refused requests. */
const HOT = 0.9
const HASHES = 2 ** 32

interface Bucket {
  readonly perMs: number
  readonly most: number
  level: number
  at: number
}

interface Partition {
  /** Hashes from here up to the next partition's. */
  readonly from: number
  readonly buckets: Readonly<Record<Kind, Bucket>>
  /** Units of this window, and by partition key. */
  readonly heat: Map<string, number>
  readonly used: Record<Kind, number>
  refused: boolean
  hotForMs: number
}

/** @param startAt epoch ms */
export const physicalTable = (rules: TableRules, startAt: number): PhysicalTable => {
  const table: Readonly<Record<Kind, Bucket>> = {
    read: newBucket(rules.quota, 1, startAt),
    write: newBucket(rules.quota, 1, startAt),
  }
  const apart = rules.partitions === Number.POSITIVE_INFINITY
  let partitions = Array.from({ length: apart ? 0 : rules.partitions }, (_, index) =>
    newPartition(rules, (index * HASHES) / rules.partitions, startAt),
  )
  const hashes = new Map<string, number>()
  let homes = new Map<string, Partition>()

  const homeOf = (key: string): Partition => {
    let home = homes.get(key)
    if (home) return home
    const hash = hashes.get(key) ?? hashOf(key)
    hashes.set(key, hash)
    home = apart ? newPartition(rules, hash, startAt) : (partitions.findLast(({ from }) => from <= hash) as Partition)
    homes.set(key, home)
    return home
  }

  return {
    refusal: (key, kind, now) => {
      if (levelAt(table[kind], now) <= 0) return 'AccountLimitExceeded'
      const home = homeOf(key)
      if (levelAt(home.buckets[kind], now) > 0) return undefined
      home.refused = true
      return 'KeyRangeThroughputExceeded'
    },
    charge: (key, kind, units, now) => {
      const home = homeOf(key)
      take(table[kind], units, now)
      take(home.buckets[kind], units, now)
      home.used[kind] += units
      home.heat.set(key, (home.heat.get(key) ?? 0) + units)
    },
    settle: () => {
      const settled = partitions.flatMap((partition) => {
        noteHeat(partition, rules)
        if (partition.hotForMs < rules.splitAfterMs) return [partition]
        return split(partition, rules, hashes)
      })
      if (settled.length > partitions.length) homes = new Map()
      partitions = settled
      for (const partition of partitions) coolDown(partition)
    },
    partitions: () => (apart ? homes.size : partitions.length),
  }
}

const newBucket = (perSecond: number, seconds: number, at: number): Bucket => ({
  perMs: perSecond / 1_000,
  most: perSecond * seconds,
  level: perSecond * seconds,
  at,
})

const newPartition = (rules: TableRules, from: number, at: number): Partition => ({
  from,
  buckets: {
    read: newBucket(rules.partitionReads, 1 + rules.burstSeconds, at),
    write: newBucket(rules.partitionWrites, 1 + rules.burstSeconds, at),
  },
  heat: new Map(),
  used: { read: 0, write: 0 },
  refused: false,
  hotForMs: 0,
})

const levelAt = (bucket: Bucket, now: number): number => {
  bucket.level = Math.min(bucket.most, bucket.level + (now - bucket.at) * bucket.perMs)
  bucket.at = now
  return bucket.level
}

const take = (bucket: Bucket, units: number, now: number): void => {
  bucket.level = levelAt(bucket, now) - units
}

const noteHeat = (partition: Partition, { partitionReads, partitionWrites }: TableRules): void => {
  const seconds = HEAT_WINDOW_MS / 1_000
  const isHot =
    partition.refused ||
    partition.used.read >= HOT * partitionReads * seconds ||
    partition.used.write >= HOT * partitionWrites * seconds
  partition.hotForMs = isHot ? partition.hotForMs + HEAT_WINDOW_MS : 0
}

const coolDown = (partition: Partition): void => {
  partition.heat.clear()
  partition.used.read = 0
  partition.used.write = 0
  partition.refused = false
}

/**
 * Two partitions with about half of the heat each. The keys of one partition key stay together: their sort keys rise with time, and
 * DynamoDB does not split such a collection. So a partition whose heat is that of one key stays whole.
 */
const split = (partition: Partition, rules: TableRules, hashes: ReadonlyMap<string, number>): Partition[] => {
  const heats = [...partition.heat].map(([key, units]) => ({ hash: hashes.get(key) as number, units }))
  heats.sort((a, b) => a.hash - b.hash)
  const total = heats.reduce((sum, { units }) => sum + units, 0)
  const parts = heats.map(({ hash }, index) => {
    const before = heats.slice(0, index).reduce((sum, { units }) => sum + units, 0)
    return { from: hash, larger: Math.max(before, total - before) }
  })
  const best = parts.reduce((least, part) => (part.larger < least.larger ? part : least), { from: 0, larger: total })
  if (best.larger >= HOT * total) return [partition]
  const { at } = partition.buckets.write
  const halves = [newPartition(rules, partition.from, at), newPartition(rules, best.from, at)]
  // What was unused is shared between the two; a partition at its limit had nothing left.
  for (const { buckets } of halves) {
    buckets.read.level = Math.min(rules.partitionReads, partition.buckets.read.level / 2)
    buckets.write.level = Math.min(rules.partitionWrites, partition.buckets.write.level / 2)
  }
  return halves
}

/** FNV-1a, mixed once more so that keys that differ in their last letter are far apart. */
const hashOf = (key: string): number => {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
