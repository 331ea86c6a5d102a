import type { UnreadableItem } from '../messages/browse.ts'
import { isHoldfastError, messageNotFound } from '../model/errors.ts'
import { decodeMessageId } from '../model/message-id.ts'
import { done, type HttpCalls, listIn, messagePath, queuePath, timeoutOf } from './http-answers.ts'
import { resultAnswerFrom, statusFrom, storedMessageFrom } from './http-wire.ts'
import type { Transport } from './port.ts'
import { objectOf, present, textIn, type Wire } from './wire-values.ts'

type MessageCalls = Pick<
  Transport,
  'getMessage' | 'messageStatus' | 'awaitResult' | 'browse' | 'resendMessage' | 'cancelMessage' | 'rescheduleMessage'
>

export const messageCalls = (calls: HttpCalls): MessageCalls => ({ ...readingCalls(calls), ...changingCalls(calls) })

type ReadingCalls = Pick<MessageCalls, 'getMessage' | 'messageStatus' | 'awaitResult' | 'browse'>

const readingCalls = ({ call, parts }: HttpCalls): ReadingCalls => ({
  getMessage: async (queue, messageId, options) => {
    const json = await call({ method: 'GET', path: messagePath(queue, messageId), ...options })
    // The message is gone, and the answer has only its status.
    if (json.publishedAt === undefined && statusFrom(json.status)) throw messageNotFound(queue, messageId)
    return storedMessageFrom(json)
  },
  messageStatus: async (queue, messageId, options) => {
    try {
      return statusFrom((await call({ method: 'GET', path: messagePath(queue, messageId), ...options })).status)
    } catch (error) {
      if (!isHoldfastError(error, 'MessageNotFound') || !isMessageId(queue, messageId)) throw error
      return { state: 'gone' }
    }
  },
  awaitResult: async (queue, messageId, { waitTimeSeconds = 0, signal } = {}) =>
    resultAnswerFrom(
      await call({
        method: 'GET',
        path: `${messagePath(queue, messageId)}/result`,
        query: { waitTimeSeconds },
        signal,
        timeoutMs: timeoutOf(parts, waitTimeSeconds),
      }),
    ),
  browse: async (queue, { states, ...paging }, options) => {
    const query = { ...paging, ...(states && { states: states.join() }) }
    const page = await call({ method: 'GET', path: queuePath(queue, '/messages'), query, ...options })
    return {
      messages: listIn(page, 'messages').map(storedMessageFrom),
      ...present(page, ['unreadable'], unreadableIn),
      ...present(page, ['cursor'], textIn),
    }
  },
})

const unreadableIn = (page: Wire, name: string): readonly UnreadableItem[] =>
  listIn(page, name).map((given) => {
    const json = objectOf(given, 'an item')
    return { item: textIn(json, 'item'), reason: textIn(json, 'reason') }
  })

type ChangingCalls = Pick<MessageCalls, 'resendMessage' | 'cancelMessage' | 'rescheduleMessage'>

const changingCalls = (calls: HttpCalls): ChangingCalls => ({
  resendMessage: async (queue, messageId, options) =>
    storedMessageFrom(
      await calls.call({
        method: 'POST',
        path: `${messagePath(queue, messageId)}/resend`,
        body: {},
        repeat: 'if-nothing-was-done',
        ...options,
      }),
    ),
  cancelMessage: async (queue, messageId, options) => {
    await done(calls, {
      method: 'DELETE',
      path: messagePath(queue, messageId),
      doneWhen: 'MessageNotFound',
      ...options,
    })
  },
  rescheduleMessage: async (queue, messageId, when, options) =>
    storedMessageFrom(
      await calls.call({ method: 'PATCH', path: messagePath(queue, messageId), body: when, ...options }),
    ),
})

const isMessageId = (queue: string, messageId: string): boolean =>
  decodeMessageId(messageId, { standard: !queue.endsWith('.fifo') }) !== undefined
