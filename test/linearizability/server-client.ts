/**
 * A process of clients of a running server, for the checker: publishes, polls, settles and cancels, through the HTTP API and through SQS,
 * and writes each operation to standard output when it is answered or has failed. Once its standard input ends, the process empties
 * the queues. The process ends when it has received nothing for longer than any message can stay hidden.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { newOperationLog, type OperationLog } from '../simulation/operations.ts'
import { type ClientOrder, QUEUES } from './client-order.ts'
import type { Face } from './face.ts'
import { httpFace } from './http-face.ts'
import { sqsFace } from './sqs-face.ts'

const GROUPS = ['red', 'green', 'blue', 'white']
/** Pause after a failure: the server may be starting again. */
const RETRY_MS = 200
/** Longer than leases and delays. */
const EMPTY_MS = 8_000
const LEASE_SECONDS = 4

const random = (most: number): number => Math.floor(Math.random() * (most + 1))
const chance = (probability: number): boolean => Math.random() < probability
const oneOf = <T>(choices: readonly T[]): T => choices[random(choices.length - 1)] as T

interface Worker {
  readonly name: string
  readonly face: Face
  readonly log: OperationLog
  readonly queue: (typeof QUEUES)[number]
  readonly known: string[]
}

/** Publishes a few messages. A publish with a key or deduplication ids is sent again if there is no answer. */
const publishSome = async ({ name, face, queue, known }: Worker, step: number): Promise<void> => {
  const fifo = queue.endsWith('.fifo')
  const key = !fifo && face.keys && chance(0.3) ? `${name}-${step}` : undefined
  const messages = Array.from({ length: 1 + random(4) }, (_, place) => {
    const body = `${name}-${step}-${place}`
    if (!fifo) return { body, ...(chance(0.2) && { delaySeconds: 1 }) }
    const group = oneOf(GROUPS)
    const shared = `shared-${group}-${Math.floor(performance.now() / 400)}`
    return { body, group, deduplicationId: chance(0.3) ? shared : `own-${body}` }
  })
  for (let attempt = 0; attempt < 3; attempt++) {
    const ids = await face.publish(queue, distinct(messages), key).catch(() => undefined)
    known.push(...(ids ?? []))
    if (ids || (!fifo && key === undefined)) return
    await sleep(RETRY_MS)
  }
}

/** Leaves out repeated deduplication ids: a batch of SQS may have each once. */
const distinct = <T extends { readonly body: string; readonly deduplicationId?: string }>(
  messages: readonly T[],
): T[] =>
  messages.filter(
    ({ deduplicationId: id }, at) => id === undefined || messages.findIndex((one) => one.deduplicationId === id) === at,
  )

const handleSome = async ({ face, queue }: Worker): Promise<void> => {
  const held = await face.poll(queue, {
    maxMessages: 1 + random(9),
    leaseSeconds: 1 + random(2),
    waitSeconds: random(1),
  })
  if (held.length === 0) return
  const way = random(9)
  await sleep(random(40))
  if (way <= 4) return face.settle('ack', queue, held)
  if (way === 5) return
  if (way === 6) return face.settle('nack', queue, held, random(1))
  if (way === 7) return face.settle('unreceive', queue, held)
  if (way === 8) {
    await face.settle('extend', queue, held, 2)
    return face.settle('ack', queue, held)
  }
  // Until about the end of the leases.
  await sleep(800 + random(2_400))
  await face.settle('ack', queue, held)
}

const work = async (worker: Worker, isOver: () => boolean): Promise<void> => {
  for (let step = 0; !isOver(); step++) {
    const cancelled = chance(0.1) ? worker.known.at(-1 - random(10)) : undefined
    try {
      if (cancelled !== undefined) await worker.face.cancel(worker.queue, cancelled)
      else if (chance(0.4)) await publishSome(worker, step)
      else await handleSome(worker)
    } catch {
      await sleep(RETRY_MS)
    }
    await sleep(random(60))
  }
}

const drain = async ({ face, queue }: Worker): Promise<void> => {
  for (let seenAt = performance.now(); performance.now() < seenAt + EMPTY_MS; ) {
    try {
      const held = await face.poll(queue, { maxMessages: 10, leaseSeconds: LEASE_SECONDS, waitSeconds: 1 })
      if (held.length === 0) continue
      seenAt = performance.now()
      await face.settle('ack', queue, held)
    } catch {
      seenAt = performance.now()
      await sleep(RETRY_MS)
    }
  }
}

const main = async ({ name, url, epochMs, loops }: ClientOrder): Promise<void> => {
  const log = newOperationLog(() => Number(process.hrtime.bigint()) / 1e6 + epochMs)
  const ended = new AbortController()
  process.stdin.once('end', () => ended.abort()).resume()
  const workers = Array.from({ length: loops }, (_, at): Worker => {
    const own = { name: `${name}.${at}`, log, url }
    const queue = QUEUES[at % QUEUES.length] as (typeof QUEUES)[number]
    return { ...own, queue, face: at % 4 < 2 ? httpFace(own) : sqsFace(own), known: [] }
  })
  await Promise.all(workers.map((worker) => work(worker, () => ended.signal.aborted)))
  await Promise.all(workers.map(drain))
  const lines = log.operations.map((operation) => JSON.stringify(operation))
  await new Promise((resolve) => process.stdout.write(`${lines.join('\n')}\n`, resolve))
  process.exit()
}

await main(JSON.parse(process.argv[2] ?? '') as ClientOrder)
