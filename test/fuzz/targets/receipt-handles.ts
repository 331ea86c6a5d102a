import type { Engine } from '../../../lib/engine.ts'
import type { HandleResult } from '../../../lib/model/message.ts'
import { decodeReceiptHandle } from '../../../lib/model/receipt-handle.ts'
import { partitions, START } from '../../../lib/queues/partitions.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { extend } from '../../../lib/settle/extend.ts'
import { moveHeld } from '../../../lib/settle/move-held.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { unreceive } from '../../../lib/settle/unreceive.ts'
import { demand, orRefusal } from '../judge.ts'
import { engineWithQueues, isRefusalOfCaller, leasedMessages, QUEUES } from '../queues-world.ts'

type Settle = (engine: Engine, queue: string, handle: string) => Promise<readonly HandleResult[]>

const OPERATIONS: readonly Settle[] = [
  (engine, queue, handle) => ack(engine, queue, [handle]),
  (engine, queue, handle) => ack(engine, queue, [{ receiptHandle: handle, failure: { name: 'n', message: 'm' } }]),
  (engine, queue, receiptHandle) => extend(engine, queue, [{ receiptHandle, visibilityTimeoutSeconds: 9 }]),
  (engine, queue, receiptHandle) => nack(engine, queue, [{ receiptHandle }]),
  (engine, queue, receiptHandle) => nack(engine, queue, [{ receiptHandle, delaySeconds: 9 }]),
  (engine, queue, handle) => unreceive(engine, queue, [handle]),
  (engine, queue, receiptHandle) => nack(engine, queue, [{ receiptHandle, deadLetter: true }]),
  (engine, queue, handle) => moveHeld(engine, queue, 'dead', [handle]),
]

/**
 * A receipt handle for an operation. The first byte picks the operation and the queue. The second picks the form of the rest: the text
 * itself, the bytes that it encodes, or changes of a handle that was issued: pairs of a place and what the byte there is XORed with.
 */
export const fuzz = async (data: Buffer): Promise<void> => {
  const [first = 0, form = 0] = data
  const engine = await engineWithQueues()
  const issued = (await leasedMessages(engine)).map(({ receiptHandle }) => receiptHandle)
  const text = handleIn(form, data.subarray(2), issued)
  await orRefusal(() => decodeReceiptHandle(text), isRefusalOfCaller)
  const settle = OPERATIONS[first % OPERATIONS.length] as Settle
  const queue = QUEUES[(first >> 3) % QUEUES.length] as string
  const before = await stateOf(engine)
  const results = await orRefusal(() => settle(engine, queue, text), isRefusalOfCaller)
  for (const result of results ?? []) {
    demand(result.ok || isRefusalOfCaller(result.error), 'a handle failed with an internal error', result)
  }
  // The ack of a message that is gone succeeds, and an edited handle may be one of a message that never was.
  demand(
    issued.includes(text) || (await stateOf(engine)) === before,
    'a handle that was not issued changed a message',
    text,
  )
}

/** All messages, with their leases. */
const stateOf = async (engine: Engine): Promise<string> => {
  const found: unknown[] = []
  for (const name of QUEUES) {
    for await (const partition of partitions(engine, await engine.queues.get(name), START))
      found.push(await engine.store.headers({ partition, from: '0', to: '~', limit: 10, consistent: true }))
  }
  return JSON.stringify(found)
}

const handleIn = (form: number, rest: Buffer, issued: readonly string[]): string => {
  if (form % 3 === 0) return rest.toString('latin1')
  if (form % 3 === 1) return rest.toString('base64url')
  const bytes = Buffer.from(issued[(form >> 2) % issued.length] as string, 'base64url')
  for (let at = 0; at + 1 < rest.length; at += 2) {
    const place = (rest[at] as number) % bytes.length
    bytes[place] = (bytes[place] as number) ^ (rest[at + 1] as number)
  }
  return bytes.toString('base64url')
}

export const dictionary: readonly string[] = []
