import type { Engine } from '../../lib/engine.ts'
import { countThatFits } from '../../lib/model/count-that-fits.ts'
import { isHoldfastError } from '../../lib/model/errors.ts'
import type { Message } from '../../lib/model/message.ts'
import type { InvokeOutcome, Invoker } from '../../lib/triggers/invoker.ts'
import type { Trigger } from '../../lib/triggers/trigger.ts'
import type { QueueNames } from '../sqs/queue-url.ts'
import type { ReceivedFrom } from '../sqs/system-attributes.ts'
import { answerOf } from './function-answer.ts'
import { type SqsRecord, sqsRecord } from './sqs-event.ts'

/** Lambda's limit for the event of a synchronous invocation, 6 MB, less room for the JSON around the records. */
export const MAX_EVENT_BYTES = 6 * 1024 * 1024 - 1024

/** Runs a function once with the JSON of an event, in UTF-8. */
export type RunFunction = (trigger: Trigger, event: Buffer) => Promise<FunctionOutcome>
export type FunctionOutcome =
  /** The function returned this JSON. */
  { readonly kind: 'answered'; readonly payload: string } | Exclude<InvokeOutcome, { kind: 'answered' }>

export interface EventMemory {
  /** How many bytes of events may be under way; a lone event may be larger. @default no bound */
  readonly maxBytes?: number
}

/** Delivers messages to functions in events of SQS's format. */
export const eventInvoker = (
  engine: Engine,
  names: QueueNames,
  run: RunFunction,
  { maxBytes = Number.POSITIVE_INFINITY }: EventMemory = {},
): Invoker => {
  const records = memoized((message: Message, from: ReceivedFrom): SqsRecord => sqsRecord(message, from))
  const jsonOf = memoized(
    (message: Message, from: ReceivedFrom): Buffer => Buffer.from(JSON.stringify(records(message, from))),
  )
  const events = eventsUnderWay(run, maxBytes)
  const origin = async ({ queue }: Trigger): Promise<ReceivedFrom> => ({
    queue: await engine.queues.get(queue),
    address: names.addressOf(queue),
  })
  return {
    fitting: async (trigger, messages) => {
      const from = await origin(trigger)
      return countThatFits(messages, (message) => jsonOf(message, from).byteLength + 1, MAX_EVENT_BYTES)
    },
    records: async (trigger, messages) => {
      const from = await origin(trigger)
      return messages.map((message) => ({ ...records(message, from) }))
    },
    hasMemory: events.hasMemory,
    invoke: async (trigger, messages) => {
      const ids = messages.map(({ messageId }) => messageId)
      const making = origin(trigger).then((from) => eventOf(messages.map((one) => jsonOf(one, from))))
      return events.send(trigger, making, ids)
    },
  }
}

/** Counts the bytes of each event from before it is built until its answer has arrived. */
const eventsUnderWay = (run: RunFunction, maxBytes: number) => {
  let heldBytes = 0
  /** Takes ids instead of messages, so that no message is kept in memory while the function runs. */
  const send = async (trigger: Trigger, making: Promise<Buffer>, ids: readonly string[]): Promise<InvokeOutcome> => {
    // Counts the largest size until the event is built, so that no other batch starts meanwhile that would not fit.
    heldBytes += MAX_EVENT_BYTES
    const event = await orRefusal(making)
    const bytes = Buffer.isBuffer(event) ? event.byteLength : 0
    heldBytes += bytes - MAX_EVENT_BYTES
    if (!Buffer.isBuffer(event)) return event
    try {
      const outcome = await run(trigger, event)
      return outcome.kind === 'answered' ? answerOf(outcome.payload, ids) : outcome
    } finally {
      heldBytes -= bytes
    }
  }
  return { send, hasMemory: () => heldBytes === 0 || heldBytes + MAX_EVENT_BYTES <= maxBytes }
}

const eventOf = (records: readonly Buffer[]): Buffer =>
  Buffer.concat([HEAD, ...records.flatMap((record, at) => (at === 0 ? [record] : [COMMA, record])), TAIL])
const HEAD = Buffer.from('{"Records":[')
const COMMA = Buffer.from(',')
const TAIL = Buffer.from(']}')

const orRefusal = async (event: Promise<Buffer>): Promise<Buffer | InvokeOutcome> => {
  try {
    return await event
  } catch (error) {
    return { kind: 'not-run', reason: 'refused', error: isHoldfastError(error) ? error.message : String(error) }
  }
}

/** Computes a value once for each message object, and keeps it as long as the object exists. */
const memoized = <T>(make: (message: Message, from: ReceivedFrom) => T) => {
  const made = new WeakMap<Message, T>()
  return (message: Message, from: ReceivedFrom): T => {
    const before = made.get(message)
    if (before !== undefined) return before
    const one = make(message, from)
    made.set(message, one)
    return one
  }
}
