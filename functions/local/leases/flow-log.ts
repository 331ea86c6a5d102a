import type { Flow, FlowsSeen } from '../../../console/leases-seen.ts'

const BUCKET_SECONDS = 5
/** Ten minutes. */
const BUCKETS = 120
/** Beyond it, the queue that was first used is forgotten. */
const QUEUES = 1_000

type Counter = 'stored' | 'received' | 'settled'
type Bucket = { at: number } & Record<Counter, number>

/** How many messages went through each queue lately, in the memory of one process. */
export class FlowLog implements FlowsSeen {
  readonly bucketSeconds = BUCKET_SECONDS
  readonly #now: () => number
  readonly #since: number
  readonly #queues = new Map<string, Bucket[]>()

  constructor(now: () => number) {
    this.#now = now
    // A span before the start, so that the first line begins at nothing.
    this.#since = this.#start() - BUCKET_SECONDS * 1_000
  }

  add(queue: string, counter: Counter, count: number): void {
    const buckets = this.#queues.get(queue) ?? []
    if (buckets.length === 0) this.#remember(queue, buckets)
    const at = this.#start()
    const latest = buckets.at(-1)
    if (latest?.at === at) {
      latest[counter] += count
      return
    }
    buckets.push({ at, stored: 0, received: 0, settled: 0, [counter]: count })
    if (buckets.length > BUCKETS) buckets.shift()
  }

  /** Since the start, at most the last ten minutes, oldest first, with the times in which nothing happened. Empty for an unknown queue. */
  of(queue: string): readonly Flow[] {
    const buckets = this.#queues.get(queue)
    if (!buckets) return []
    const known = new Map(buckets.map((bucket) => [bucket.at, bucket]))
    const span = BUCKET_SECONDS * 1_000
    const last = this.#start()
    const length = Math.min(BUCKETS, (last - this.#since) / span + 1)
    return Array.from({ length }, (_, index) => {
      const at = last - (length - 1 - index) * span
      return known.get(at) ?? { at, stored: 0, received: 0, settled: 0 }
    })
  }

  #start(): number {
    const span = BUCKET_SECONDS * 1_000
    return Math.floor(this.#now() / span) * span
  }

  #remember(queue: string, buckets: Bucket[]): void {
    this.#queues.set(queue, buckets)
    const [first] = this.#queues.keys()
    if (this.#queues.size > QUEUES && first !== undefined) this.#queues.delete(first)
  }
}
