import { setTimeout as sleep } from 'node:timers/promises'
import type { QueueClient } from '../../../lib/client/queue.ts'
import { createClient } from '../../../lib/client.ts'
import { isHoldfastError } from '../../../lib/model/errors.ts'
import type { Ledger } from './ledger.ts'

type Receipts = ReturnType<Ledger['received']>
type Queue = QueueClient<number>

export interface LoadParts {
  /** Where the servers are: each client uses one of them. */
  readonly urls: readonly string[]
  readonly queue: string
  readonly ledger: Ledger
  /** Whole seconds. */
  readonly leaseSeconds: number
  readonly publishers: number
  readonly consumers: number
}

export interface Load {
  /** Ends the load, and resolves when every call has ended. */
  stop(): Promise<void>
}

/** Publishers wait while this many messages are stored, so that consumers can empty the queue at the end. */
const MAX_OUTSTANDING = 300
/** Pause of a publisher while many messages are stored. */
const PAUSE_MS = 20
/** Pause after a failure. While a server starts, its clients take a small part of the processor that it needs. */
const PAUSE_AFTER_FAILURE_MS = 100

/** Clients that publish, receive, ack, nack and forget messages until they are stopped, whatever the servers answer. */
export const startLoad = (parts: LoadParts): Load => {
  const ending = new AbortController()
  const queueOf = (client: number): Queue =>
    createClient({ url: parts.urls[client % parts.urls.length] ?? '' }).queue<number>(parts.queue)
  const work = [
    ...Array.from({ length: parts.publishers }, (_, at) => publishing(parts, queueOf(at), at, ending.signal)),
    ...Array.from({ length: parts.consumers }, (_, at) => consuming(parts, queueOf(at), ending.signal)),
  ]
  return {
    stop: async () => {
      ending.abort()
      await Promise.all(work)
    },
  }
}

const publishing = async ({ queue: name, ledger }: LoadParts, queue: Queue, at: number, signal: AbortSignal) => {
  const groupId = `group-${at}`
  let previous: number | undefined
  while (!signal.aborted) {
    if (ledger.outstanding() > MAX_OUTSTANDING) await sleep(PAUSE_MS)
    else {
      const body = ledger.publishing(previous)
      try {
        await queue.publish(body, name.endsWith('.fifo') ? { groupId, deduplicationId: `${body}` } : {})
        ledger.published(body)
        if (name.endsWith('.fifo')) previous = body
      } catch (error) {
        await bear(ledger, error)
      }
    }
  }
}

const consuming = async (parts: LoadParts, queue: Queue, signal: AbortSignal) => {
  while (!signal.aborted) {
    try {
      const receipts = await receive(parts, queue)
      const fate = Math.random()
      if (fate < 0.85) await ackAll(parts.ledger, queue, receipts)
      else if (fate < 0.95) await nackAll(parts.ledger, queue, receipts)
    } catch (error) {
      await bear(parts.ledger, error)
    }
  }
}

interface Held {
  readonly receipt: Receipts[number]
  readonly receiptHandle: string
}

const receive = async ({ ledger, leaseSeconds }: LoadParts, queue: Queue): Promise<Held[]> => {
  const sentAt = performance.now()
  const messages = await queue.poll({
    maxMessages: 1 + Math.floor(Math.random() * 5),
    waitTimeSeconds: 1,
    visibilityTimeoutSeconds: leaseSeconds,
  })
  const receipts = ledger.received(messages, { sentAt, leaseMs: leaseSeconds * 1_000 })
  return receipts.map((receipt, at) => ({ receipt, receiptHandle: messages[at]?.receiptHandle ?? '' }))
}

/** Acks messages in order, so that each is acked after those before it in its group. */
const ackAll = async (ledger: Ledger, queue: Queue, held: readonly Held[]) => {
  if (held.length === 0) return
  for (const { receipt } of held) ledger.acking(receipt)
  const results = await queue.ack(held.map(({ receiptHandle }) => ({ receiptHandle })))
  for (const [at, result] of results.entries()) {
    const receipt = held[at]?.receipt
    if (!receipt) continue
    if (result.ok) ledger.acked(receipt)
    else if (result.error.code === 'LeaseLost') ledger.ackRefused(receipt)
    else await bear(ledger, result.error)
  }
}

const nackAll = async (ledger: Ledger, queue: Queue, held: readonly Held[]) => {
  if (held.length === 0) return
  for (const { receipt } of held) ledger.givingBack(receipt)
  await queue.nack(held.map(({ receiptHandle }) => ({ receiptHandle })))
}

const bear = async (ledger: Ledger, error: unknown) => {
  if (!isHoldfastError(error) || !error.retryable) ledger.surprise(error)
  await sleep(PAUSE_AFTER_FAILURE_MS)
}

/** Receives and acks until the queue is empty, once the faults are over. */
export const drain = async (parts: LoadParts): Promise<void> => {
  const queue = createClient({ url: parts.urls[0] ?? '' }).queue<number>(parts.queue)
  for (;;) {
    try {
      await ackAll(parts.ledger, queue, await receive(parts, queue))
      const { ready, leased, delayed } = await queue.counts()
      if (ready + leased + delayed === 0) return
    } catch (error) {
      await bear(parts.ledger, error)
    }
  }
}
