import type { Engine } from '../engine.ts'
import { browse } from '../messages/browse.ts'
import { cancelMessage } from '../messages/cancel-message.ts'
import { getMessage } from '../messages/get-message.ts'
import { rescheduleMessage } from '../messages/reschedule-message.ts'
import { resendMessage } from '../messages/resend-message.ts'
import { HoldfastError } from '../model/errors.ts'
import { changedSettings, newQueueSettings } from '../model/given-settings.ts'
import { publish } from '../publish/publish.ts'
import { counts } from '../queues/counts.ts'
import { createQueue } from '../queues/create-queue.ts'
import { deadLetterSource } from '../queues/dead-letter-source.ts'
import { deleteQueue } from '../queues/delete-queue.ts'
import { getQueue } from '../queues/get-queue.ts'
import { listQueues } from '../queues/list-queues.ts'
import { purgeQueue } from '../queues/purge-queue.ts'
import { updateQueue } from '../queues/update-queue.ts'
import { poll } from '../receive/poll.ts'
import { awaitResult, messageStatus } from '../results/await-result.ts'
import { ack } from '../settle/ack.ts'
import { extend } from '../settle/extend.ts'
import { nack } from '../settle/nack.ts'
import { unreceive } from '../settle/unreceive.ts'
import type { CallOptions, Transport } from './port.ts'

/**
 * The engine in this process, over a store in memory, on disk or in DynamoDB. `signal` ends the wait of a poll, and work
 * that has not begun; it does not end a write that has begun.
 */
export const engineTransport = (engine: Engine, close: () => Promise<void> = async () => {}): Transport => ({
  workerWaitSeconds: 20,
  ...queueCalls(engine),
  ...deliveryCalls(engine),
  ...messageCalls(engine),
  close,
})

/** Does the work unless the signal has aborted already. */
const unless = <T>({ signal }: CallOptions = {}, work: () => Promise<T>): Promise<T> =>
  signal?.aborted ? Promise.reject(signal.reason) : work()

type QueueCalls = Pick<
  Transport,
  'createQueue' | 'getQueue' | 'updateQueue' | 'deleteQueue' | 'purgeQueue' | 'listQueues' | 'counts'
>

const queueCalls = (engine: Engine): QueueCalls => ({
  createQueue: (queue, { tags, ...settings }, options) =>
    unless(options, () =>
      createQueue(engine, queue, { settings: newQueueSettings(queue, settings), ...(tags && { tags }) }),
    ),
  getQueue: (queue, options) => unless(options, () => getQueue(engine, queue)),
  updateQueue: (queue, { tags, ...settings }, options) =>
    unless(options, () =>
      updateQueue(engine, queue, (present) => ({
        settings: changedSettings(settings, present.settings),
        ...(tags && { tags }),
      })),
    ),
  deleteQueue: (queue, { force, ...options } = {}) =>
    unless(options, async () => {
      if (!force) await checkUnused(engine, queue)
      await deleteQueue(engine, queue)
    }),
  purgeQueue: (queue, options) => unless(options, () => purgeQueue(engine, queue)),
  listQueues: (query, options) => unless(options, () => listQueues(engine, query)),
  counts: (queue, options) => unless(options, () => counts(engine, queue)),
})

type DeliveryCalls = Pick<Transport, 'publish' | 'poll' | 'ack' | 'nack' | 'extend' | 'unreceive'>

const deliveryCalls = (engine: Engine): DeliveryCalls => ({
  publish: (queue, messages, options) => unless(options, () => publish(engine, queue, messages)),
  // A poll whose signal is already aborted returns no messages.
  poll: async (queue, { ending, signal = ending, ...options }) =>
    signal?.aborted ? [] : poll(engine, queue, { ...options, ...(signal && { signal }) }),
  ack: (queue, handles, options) => unless(options, () => ack(engine, queue, handles)),
  nack: (queue, entries, options) => unless(options, () => nack(engine, queue, entries)),
  extend: (queue, entries, { signal, ...options } = {}) =>
    unless({ signal }, () => extend(engine, queue, entries, options)),
  unreceive: (queue, handles, options) => unless(options, () => unreceive(engine, queue, handles)),
})

type MessageCalls = Pick<
  Transport,
  'getMessage' | 'messageStatus' | 'awaitResult' | 'browse' | 'resendMessage' | 'cancelMessage' | 'rescheduleMessage'
>

const messageCalls = (engine: Engine): MessageCalls => ({
  getMessage: (queue, messageId, options) => unless(options, () => getMessage(engine, queue, messageId)),
  messageStatus: (queue, messageId, options) => unless(options, () => messageStatus(engine, queue, messageId)),
  awaitResult: (queue, messageId, options) => unless(options, () => awaitResult(engine, queue, messageId, options)),
  browse: (queue, page, options) => unless(options, () => browse(engine, queue, page)),
  resendMessage: (queue, messageId, options) => unless(options, () => resendMessage(engine, queue, messageId)),
  cancelMessage: (queue, messageId, options) => unless(options, () => cancelMessage(engine, queue, messageId)),
  rescheduleMessage: (queue, messageId, when, options) =>
    unless(options, () => rescheduleMessage(engine, queue, messageId, when)),
})

const checkUnused = async (engine: Engine, queue: string): Promise<void> => {
  await engine.queues.fresh(queue)
  const source = await deadLetterSource(engine, queue, { exceptItself: true })
  if (!source) return
  throw new HoldfastError('InvalidRequest', `queue ${queue} is the dead-letter queue of ${source.name}`, {
    value: queue,
  })
}
