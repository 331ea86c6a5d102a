import type { Engine } from '../../../lib/engine.ts'
import { cancelMessage } from '../../../lib/messages/cancel-message.ts'
import { getMessage } from '../../../lib/messages/get-message.ts'
import { rescheduleMessage } from '../../../lib/messages/reschedule-message.ts'
import { resendMessage } from '../../../lib/messages/resend-message.ts'
import { decodeMessageId, encodeMessageId } from '../../../lib/model/message-id.ts'
import { awaitResult, messageStatus } from '../../../lib/results/await-result.ts'
import { demand, orRefusal } from '../judge.ts'
import { engineWithQueues, isRefusalOfCaller, leasedMessages, QUEUES } from '../queues-world.ts'

type Use = (engine: Engine, queue: string, id: string) => Promise<unknown>

const OPERATIONS: readonly Use[] = [
  getMessage,
  cancelMessage,
  messageStatus,
  (engine, queue, id) => rescheduleMessage(engine, queue, id, { delaySeconds: 1 }),
  (engine, queue, id) => resendMessage(engine, queue, id, {}),
  (engine, queue, id) => awaitResult(engine, queue, id, { waitTimeSeconds: 0 }),
]

/** A message id for an operation: the first byte picks the operation and the queue, the second whether the rest is text or bytes. */
export const fuzz = async (data: Buffer): Promise<void> => {
  const [first = 0, form = 0] = data
  const rest = data.subarray(2)
  const text = form % 2 === 0 ? rest.toString('latin1') : uuidOf(rest)
  for (const standard of [true, false]) checkRoundTrip(text, standard)
  const engine = await engineWithQueues()
  const known = (await leasedMessages(engine)).map(({ messageId }) => messageId)
  const use = OPERATIONS[first % OPERATIONS.length] as Use
  const queue = QUEUES[(first >> 3) % QUEUES.length] as string
  const id = form >= 0xf0 ? (known[form % known.length] as string) : text
  await orRefusal(() => use(engine, queue, id), isRefusalOfCaller)
}

const uuidOf = (bytes: Buffer): string => {
  const hex = bytes.toString('hex').padEnd(32, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`
}

const checkRoundTrip = (text: string, standard: boolean): void => {
  const address = decodeMessageId(text, { standard })
  if (!address) return
  const { shard, group, sort, index } = address
  const partition = { queue: 'orders', generation: '1', shard, ...(group !== undefined && { group }) }
  demand(encodeMessageId({ partition, sort }, index) === text, 'an address has another id than it was read from', text)
}

export const dictionary: readonly string[] = ['-8', '00000000-0000-8000-8000-000000000000']
