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

/** Lambda's limit for a synchronous invocation, 6 MB, minus room for what surrounds the records. */
export const MAX_EVENT_BYTES = 6 * 1024 * 1024 - 1024

/** Runs a function once with the JSON of an event. */
export type RunFunction = (trigger: Trigger, event: string) => Promise<FunctionOutcome>
export type FunctionOutcome =
  /** The function returned this JSON. */
  { readonly kind: 'answered'; readonly payload: string } | Exclude<InvokeOutcome, { kind: 'answered' }>

/** Delivers messages to functions in events of SQS's format. */
export const eventInvoker = (engine: Engine, names: QueueNames, run: RunFunction): Invoker => {
  const records = memoized((message: Message, from: ReceivedFrom): SqsRecord => sqsRecord(message, from))
  const jsonOf = memoized((message: Message, from: ReceivedFrom): string => JSON.stringify(records(message, from)))
  const origin = async ({ queue }: Trigger): Promise<ReceivedFrom> => ({
    queue: await engine.queues.get(queue),
    address: names.addressOf(queue),
  })
  return {
    fitting: async (trigger, messages) => {
      const from = await origin(trigger)
      return countThatFits(messages, (message) => Buffer.byteLength(jsonOf(message, from)) + 1, MAX_EVENT_BYTES)
    },
    records: async (trigger, messages) => {
      const from = await origin(trigger)
      return messages.map((message) => ({ ...records(message, from) }))
    },
    invoke: async (trigger, messages) => {
      let from: ReceivedFrom
      try {
        from = await origin(trigger)
      } catch (error) {
        if (!isHoldfastError(error)) throw error
        return { kind: 'not-run', reason: 'refused', error: error.message }
      }
      const event = `{"Records":[${messages.map((message) => jsonOf(message, from)).join(',')}]}`
      const outcome = await run(trigger, event)
      if (outcome.kind !== 'answered') return outcome
      return answerOf(
        outcome.payload,
        messages.map(({ messageId }) => messageId),
      )
    },
  }
}

/** Caches what was computed for a message, as long as the message exists. */
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
