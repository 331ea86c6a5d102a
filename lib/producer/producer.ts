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
export const producer = ({ send, ordered, lingerMs, clock }: ProducerParts): Producer => {
  const buckets = new Map<string, Bucket>()
  const inFlight = new Set<Promise<void>>()
  let scheduled = false

  const sendBucket = (key: string, bucket: Bucket): void => {
    const { waiting } = bucket
    if (waiting.length === 0) return
    bucket.waiting = []
    bucket.bytes = 0
    const sending = ordered ? bucket.sent.then(() => sendAll(send, waiting)) : sendAll(send, waiting)
    bucket.sent = sending
    inFlight.add(sending)
    void sending.then(() => {
      inFlight.delete(sending)
      if (bucket.waiting.length === 0 && bucket.sent === sending) buckets.delete(key)
    })
  }
  const sendEverything = (): void => {
    scheduled = false
    for (const [key, bucket] of buckets) sendBucket(key, bucket)
  }
  const schedule = (): void => {
    if (scheduled) return
    scheduled = true
    // A turn of the event loop, not a microtask: validation may take several of those, a different number for each message.
    if (lingerMs === 0) setImmediate(sendEverything)
    else void clock.sleep(lingerMs).then(sendEverything)
  }

  return {
    publish: (message, signal) =>
      new Promise<PublishResult>((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const key = ordered ? (message.groupId ?? '') : bucketOf(message)
        const bucket: Bucket = buckets.get(key) ?? { waiting: [], bytes: 0, sent: Promise.resolve() }
        buckets.set(key, bucket)
        const bytes = messageBytes(message)
        if (bucket.bytes + bytes > LIMITS.publishBytes) sendBucket(key, bucket)
        const done = <T>(then: (value: T) => void) => {
          return (value: T) => {
            signal?.removeEventListener('abort', takeBack)
            then(value)
          }
        }
        const mine: Waiting = { message, bytes, settle: done(resolve), fail: done(reject) }
        const takeBack = () => {
          const at = bucket.waiting.indexOf(mine)
          if (at < 0) return
          bucket.waiting.splice(at, 1)
          bucket.bytes -= bytes
          reject(signal?.reason)
        }
        signal?.addEventListener('abort', takeBack, { once: true })
        bucket.waiting.push(mine)
        bucket.bytes += bytes
        if (bucket.waiting.length === LIMITS.batchSize) sendBucket(key, bucket)
        else schedule()
      }),
    flush: async () => {
      sendEverything()
      while (inFlight.size > 0) await Promise.all(inFlight)
    },
  }
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
