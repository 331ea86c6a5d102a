import type { BrowseOptions, BrowsePage } from '../messages/browse.ts'
import type { GivenSettings } from '../model/given-settings.ts'
import type { FieldNames } from '../model/known-fields.ts'
import type { HandleResult, Message, NewMessage, PublishResult, StoredMessage } from '../model/message.ts'
import type { MessageStatus } from '../model/message-status.ts'
import type { Queue } from '../model/queue-settings.ts'
import type { ResultAnswer } from '../model/result.ts'
import type { Counts } from '../queues/counts.ts'
import type { QueuePage } from '../queues/list-queues.ts'
import type { PollOptions } from '../receive/poll.ts'
import type { AwaitOptions } from '../results/await-result.ts'
import type { AckEntry } from '../settle/ack.ts'
import type { ExtendEntry, ExtendOptions } from '../settle/extend.ts'
import type { NackEntry } from '../settle/nack.ts'

/** Settings and tags of a new queue. */
export interface GivenQueue extends GivenSettings {
  readonly tags?: Readonly<Record<string, string>> | undefined
}
/** An absent setting stays; `null` removes an optional setting, or a tag. */
export interface GivenQueueChange extends GivenSettings {
  readonly tags?: Readonly<Record<string, string | null>> | undefined
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}
export const CALL_FIELDS: FieldNames<CallOptions> = { signal: true }

interface PollCall extends PollOptions {
  /**
   * Ends the wait where the place can do that without losing a message: what the poll has leased by then is answered. Not together
   * with `signal`, whose abort is answered at once, by no messages.
   */
  readonly ending?: AbortSignal
}

/**
 * How a client reaches a queue: in its own process, directly on the table, or through the HTTP API. One contract suite
 * checks that all three give the same results; failures are `HoldfastError`s with the same codes.
 *
 * `ack`, `nack`, `extend` and `unreceive` answer one result an entry, in order, and take 1 to 25 of them.
 */
export interface Transport {
  /** Longest wait of a worker's poll, seconds. A poll that may not end early must be short, so that it does not delay a stop. */
  readonly workerWaitSeconds: number

  createQueue(queue: string, given: GivenQueue, options?: CallOptions): Promise<{ queue: Queue; created: boolean }>
  getQueue(queue: string, options?: CallOptions): Promise<Queue>
  updateQueue(queue: string, given: GivenQueueChange, options?: CallOptions): Promise<Queue>
  /** Refuses a dead-letter queue that is in use, unless forced. */
  deleteQueue(queue: string, options?: CallOptions & { readonly force?: boolean }): Promise<void>
  purgeQueue(queue: string, options?: CallOptions): Promise<void>
  listQueues(query: { prefix?: string; limit?: number; cursor?: string }, options?: CallOptions): Promise<QueuePage>
  counts(queue: string, options?: CallOptions): Promise<Counts>

  publish(queue: string, messages: readonly NewMessage[], options?: CallOptions): Promise<PublishResult[]>
  poll(queue: string, options: PollCall): Promise<Message[]>
  ack(queue: string, entries: readonly (string | AckEntry)[], options?: CallOptions): Promise<HandleResult[]>
  nack(queue: string, entries: readonly NackEntry[], options?: CallOptions): Promise<HandleResult[]>
  extend(queue: string, entries: readonly ExtendEntry[], options?: CallOptions & ExtendOptions): Promise<HandleResult[]>
  unreceive(queue: string, receiptHandles: readonly string[], options?: CallOptions): Promise<HandleResult[]>

  getMessage(queue: string, messageId: string, options?: CallOptions): Promise<StoredMessage>
  messageStatus(queue: string, messageId: string, options?: CallOptions): Promise<MessageStatus>
  awaitResult(queue: string, messageId: string, options?: AwaitOptions): Promise<ResultAnswer>
  browse(queue: string, page: BrowseOptions, options?: CallOptions): Promise<BrowsePage>
  resendMessage(queue: string, messageId: string, options?: CallOptions): Promise<StoredMessage>
  cancelMessage(queue: string, messageId: string, options?: CallOptions): Promise<void>
  rescheduleMessage(
    queue: string,
    messageId: string,
    when: { delaySeconds?: number; dueAt?: number },
    options?: CallOptions,
  ): Promise<StoredMessage>

  /** Closes what the transport holds: connections, timers. */
  close(): Promise<void>
}
