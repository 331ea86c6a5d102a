import type { Engine } from '../../lib/engine.ts'
import type { Message } from '../../lib/model/message.ts'
import { withoutUndefined } from '../../lib/model/without-undefined.ts'
import { poll } from '../../lib/receive/poll.ts'
import { nack } from '../../lib/settle/nack.ts'
import { unreceive } from '../../lib/settle/unreceive.ts'
import { handleResults } from '../http/handle-results.ts'
import { fitting, messageJson } from '../http/message-json.ts'
import type { Operations } from '../http/operation.ts'
import { METRICS } from '../runtime/metric-names.ts'

export const operations = {
  pollMessages: async ({ engine, params, body, signal }) => {
    const polled = await poll(engine, params.queue, { ...withoutUndefined(body), signal })
    const messages = polled.map(messageJson)
    const room = Math.max(1, fitting(messages))
    await release(engine, params.queue, polled.slice(room))
    const counted =
      messages.length === 0 ? { [METRICS.emptyPolls]: 1 } : { [METRICS.polled]: Math.min(room, messages.length) }
    return { status: 200, body: { messages: messages.slice(0, room) }, counted }
  },

  // In the function `poll` because a nack may dead-letter, as a poll does: the role of `ack` can't publish.
  nackMessages: async ({ engine, params, body: { receiptHandles, ...how } }) => {
    const { failure, failures, ...rest } = how
    const entries = receiptHandles.map((receiptHandle, position) => {
      const own = failures?.[position] ?? failure
      return { receiptHandle, ...withoutUndefined(rest), ...(own && { failure: withoutUndefined(own) }) }
    })
    return handleResults(await nack(engine, params.queue, entries), METRICS.nacked)
  },
} satisfies Operations

/** Gives back messages that do not fit into the answer, so that the next poll receives them at once. */
const release = async (engine: Engine, queue: string, messages: readonly Message[]): Promise<void> => {
  if (messages.length === 0) return
  await unreceive(
    engine,
    queue,
    messages.map(({ receiptHandle }) => receiptHandle),
  )
}
