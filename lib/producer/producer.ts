import type { Clock } from '../clock.ts'
import { HoldfastError, isHoldfastError, isRefusal } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import { messageBytes, type NewMessage, type PublishResult } from '../model/message.ts'

export interface ProducerParts {
  /** Publishes 1 to 25 messages. Returns one result each, in order. */
  readonly send: (messages: readonly NewMessage[]) => Promise<PublishResult[]>
  /** Whether messages of one group must be stored in the order in which they were published here. */
  readonly ordered: boolean
  /** How long a message waits for others to share a segment with, ms; 0 is until the end of this turn of the event loop. */
  readonly lingerMs: number
  readonly clock: Clock
}

export interface Producer {
  /** Resolves with the result of the message. An aborted signal takes the message back while it was not sent. */
  publish(message: NewMessage, signal?: AbortSignal): Promise<PublishResult>
  /** Sends the messages that wait, and resolves when every message published before has its result. Never rejects. */
  flush(): Promise<void>
}

interface Waiting {
  readonly message: NewMessage
  readonly bytes: number
  settle(result: PublishResult): void
  fail(error: unknown): void
}

/** Messages that wait for the same call: of one priority, due time, time to live and group. */
interface Bucket {
  waiting: Waiting[]
  bytes: number
  /** The end of the call before, where the order of a group must be kept. */
  sent: Promise<void>
}

/**
 * Lets concurrent publishes of one process share calls, and so segments: a thousand lone publishes cost as much as forty batches of 25.
 * Each promise settles with the result of its message.
 */
export const producer = (parts: ProducerParts): Producer => {
  const { send: sendBucket, bucketFor, keys, flush } = buckets(parts)
  const schedule = scheduler(parts, () => {
    for (const key of keys()) sendBucket(key)
  })
  return {
    publish: (message, signal) =>
      new Promise<PublishResult>((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const key = parts.ordered ? (message.groupId ?? '') : bucketOf(message)
        const bucket = bucketFor(key)
        const bytes = messageBytes(message)
        if (bucket.bytes + bytes > LIMITS.publishBytes) sendBucket(key)
        const mine: Waiting = { message, bytes, settle: resolve, fail: reject }
        put(bucket, signal ? retractable(bucket, mine, signal) : mine)
        if (bucket.waiting.length === LIMITS.batchSize) sendBucket(key)
        else schedule.soon()
      }),
    flush: () => {
      schedule.now()
      return flush()
    },
  }
}

/** The messages that wait, and the calls under way. */
const buckets = ({ send, ordered }: ProducerParts) => {
  const all = new Map<string, Bucket>()
  const inFlight = new Set<Promise<void>>()
  return {
    keys: () => [...all.keys()],
    bucketFor: (key: string): Bucket => {
      const bucket = all.get(key) ?? { waiting: [], bytes: 0, sent: Promise.resolve() }
      all.set(key, bucket)
      return bucket
    },
    send: (key: string): void => {
      const bucket = all.get(key)
      if (!bucket || bucket.waiting.length === 0) return
      const { waiting } = bucket
      bucket.waiting = []
      bucket.bytes = 0
      const sending = ordered ? bucket.sent.then(() => sendAll(send, waiting)) : sendAll(send, waiting)
      bucket.sent = sending
      inFlight.add(sending)
      void sending.then(() => {
        inFlight.delete(sending)
        if (bucket.waiting.length === 0 && bucket.sent === sending) all.delete(key)
      })
    },
    flush: async (): Promise<void> => {
      while (inFlight.size > 0) await Promise.all(inFlight)
    },
  }
}

/** Calls `work` once for all that is asked for until it is due. */
const scheduler = ({ lingerMs, clock }: ProducerParts, work: () => void) => {
  let scheduled = false
  const now = (): void => {
    scheduled = false
    work()
  }
  return {
    now,
    soon: (): void => {
      if (scheduled) return
      scheduled = true
      // A turn of the event loop, not a microtask: validation may take several of those, a different number for each message.
      if (lingerMs === 0) setImmediate(now)
      else void clock.sleep(lingerMs).then(now)
    },
  }
}

const put = (bucket: Bucket, one: Waiting): void => {
  bucket.waiting.push(one)
  bucket.bytes += one.bytes
}

/** The message, taken out of its bucket when the signal aborts while it waits there. */
const retractable = (bucket: Bucket, one: Waiting, signal: AbortSignal): Waiting => {
  const takeBack = (): void => {
    const at = bucket.waiting.indexOf(mine)
    if (at < 0) return
    bucket.waiting.splice(at, 1)
    bucket.bytes -= one.bytes
    one.fail(signal.reason)
  }
  const done = (): void => signal.removeEventListener('abort', takeBack)
  const mine: Waiting = {
    ...one,
    settle: (result) => {
      done()
      one.settle(result)
    },
    fail: (error) => {
      done()
      one.fail(error)
    },
  }
  signal.addEventListener('abort', takeBack, { once: true })
  return mine
}

/** A key that is equal for messages that can share a segment. */
const bucketOf = ({ delaySeconds, dueAt, priority, timeToLiveSeconds, groupId }: NewMessage): string =>
  JSON.stringify([delaySeconds, dueAt, priority, timeToLiveSeconds, groupId])

const sendAll = async (send: ProducerParts['send'], waiting: readonly Waiting[]): Promise<void> => {
  try {
    const results = await send(waiting.map(({ message }) => message))
    for (const [position, { settle, fail }] of waiting.entries()) {
      const result = results[position]
      if (result) settle(result)
      else fail(new HoldfastError('Internal', 'the publish answered fewer results than it was given messages'))
    }
  } catch (error) {
    // One invalid message fails the call before anything is written. Sent alone, each message gets its own result.
    if (waiting.length > 1 && isHoldfastError(error) && isRefusal(error)) {
      for (const one of waiting) await sendAll(send, [one])
    } else {
      for (const { fail } of waiting) fail(error)
    }
  }
}
