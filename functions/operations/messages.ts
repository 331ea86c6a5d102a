import type { Engine } from '../../lib/engine.ts'
import { type BrowseOptions, type BrowseState, browse } from '../../lib/messages/browse.ts'
import { cancelMessage } from '../../lib/messages/cancel-message.ts'
import { getMessage } from '../../lib/messages/get-message.ts'
import { rescheduleMessage } from '../../lib/messages/reschedule-message.ts'
import { resendMessage } from '../../lib/messages/resend-message.ts'
import { isHoldfastError } from '../../lib/model/errors.ts'
import { withoutUndefined } from '../../lib/model/without-undefined.ts'
import { messageStatus } from '../../lib/results/await-result.ts'
import { editsFrom, epochMs, fitting, storedMessageJson } from '../http/message-json.ts'
import type { Operations } from '../http/operation.ts'
import { statusJson } from '../http/result-json.ts'

const DEFAULT_PAGE = 10

export const operations = {
  browseMessages: async ({ engine, params, query: { limit = DEFAULT_PAGE, cursor, states } }) => ({
    status: 200,
    body: await page(engine, params.queue, {
      limit,
      ...(cursor !== undefined && { cursor }),
      ...(states !== undefined && { states: states.split(',') as BrowseState[] }),
    }),
  }),

  getMessage: async ({ engine, params: { queue, messageId } }) => {
    try {
      const message = await getMessage(engine, queue, messageId)
      const status = statusJson(await messageStatus(engine, queue, messageId))
      return { status: 200, body: { ...storedMessageJson(message), status } }
    } catch (error) {
      if (!isHoldfastError(error, 'MessageNotFound')) throw error
      const ended = await messageStatus(engine, queue, messageId)
      // Nothing is known of what became of the message.
      if (ended.state === 'gone' && ended.reason === undefined) throw error
      return { status: 200, body: { messageId, queue, status: statusJson(ended) } }
    }
  },

  rescheduleMessage: async ({ engine, params, body: { delaySeconds, dueAt } }) => {
    const when = withoutUndefined({ delaySeconds, dueAt: dueAt === undefined ? undefined : epochMs(dueAt) })
    return {
      status: 200,
      body: storedMessageJson(await rescheduleMessage(engine, params.queue, params.messageId, when)),
    }
  },

  resendMessage: async ({ engine, params, body }) => ({
    status: 200,
    body: storedMessageJson(await resendMessage(engine, params.queue, params.messageId, editsFrom(body))),
  }),

  cancelMessage: async ({ engine, params }) => {
    await cancelMessage(engine, params.queue, params.messageId)
    return { status: 204 }
  },
} satisfies Operations

/** A page that fits into one answer: it may have fewer large messages than requested. */
const page = async (engine: Engine, queue: string, options: BrowseOptions & { limit: number }) => {
  for (let { limit } = options; ; limit = Math.floor(limit / 2)) {
    const { messages, ...rest } = await browse(engine, queue, { ...options, limit })
    const body = { messages: messages.map(storedMessageJson), ...rest }
    if (limit <= 1 || fitting(body.messages) === messages.length) return body
  }
}
