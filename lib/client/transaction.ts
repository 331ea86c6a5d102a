import type { Json } from '../codecs/json.ts'
import type { Reading } from '../codecs/read-message.ts'
import type { CancelReason } from '../model/cancel-reason.ts'
import { HoldfastError, invalid, isHoldfastError } from '../model/errors.ts'
import { type FieldNames, knownFields } from '../model/known-fields.ts'
import type { NewMessage } from '../model/message.ts'
import { MESSAGE_FIELDS } from '../model/message-rules.ts'
import { isHandleOf } from '../model/receipt-handle.ts'
import { failureFrom, type WorkOutcome } from '../model/result.ts'
import { type Handle, handlesOf } from '../settle/verbs.ts'
import type { ActionFailure, JointCommits } from '../store/joint.ts'
import type { Write } from '../store/port.ts'
import { copyOfBody, copyOfMessage } from '../transactions/request.ts'
import type { Committed, EngineTransaction } from '../transactions/transaction.ts'
import type { CallOptions } from '../transport/port.ts'
import type { OpenQueues } from './open-queues.ts'
import { inSpans, type Pending } from './publish-spans.ts'
import { asSent, checkBody, newMessage, type PublishEntry, type Sent } from './publishing.ts'
import type { QueueClient } from './queue.ts'

export interface TransactionAckOptions {
  /** The result of the work, for the messages' producers, on a queue that keeps results. The queue's codec encodes it. */
  readonly result?: unknown
  /** The error with which the work failed for good. Not together with `result`. */
  readonly failure?: unknown
  /** @default found among the queues that this client was asked for */
  readonly queue?: string
}

export interface CommitResult {
  /** The published messages, in the order given. Empty when `repeated`. */
  readonly published: readonly Sent[]
  /** A transaction with this `transactionId` was committed before, and this call did nothing. */
  readonly repeated?: true
}

/**
 * Messages that are acked and published together with writes of the caller's own: all of it is done, or nothing.
 *
 * @typeParam Entry what the database takes for a write
 * @typeParam Database its client
 */
export interface JointTransaction<Entry, Database> {
  /**
   * Acks leased messages, of any queues. A message that is gone, or whose lease is lost, cancels the transaction: its work was
   * done before, or another consumer is doing it now.
   */
  ack(messages: Handle | readonly Handle[], options?: TransactionAckOptions): void
  /**
   * Publishes messages, as they are at this call. For a queue given by its name, the transaction uses the codec and the schema
   * with which the client was asked for that queue, or JSON if none were given. A deduplication id that is taken cancels the
   * transaction.
   */
  publish<Body extends Json<Body>>(queue: string, entries: readonly PublishEntry<Body>[]): void
  publish<In, Out>(queue: QueueClient<In, Out>, entries: readonly PublishEntry<In>[]): void
  /**
   * Commits, together with entries of the caller's own. After a conflict with another writer the commit is retried.
   *
   * @param dynamodb sends the transaction; its role needs the rights for all of it. @default the client's own
   * @throws `TransactionCanceled` (nothing was done: see `explain`), `OutcomeUnknown`, `InvalidRequest`, `MessageTooLarge`,
   * `QueueNotFound`, `Throttled` (nothing was done)
   */
  commit(dynamodb?: Database, entries?: readonly Entry[], options?: CallOptions): Promise<CommitResult>
  /**
   * The actions for a transaction that the caller sends itself. The caller puts them first in its list, sends the list within
   * 5 seconds, and then calls `committed`. Each call of `items` builds the actions anew.
   */
  items(): Promise<Entry[]>
  /** Does the follow-up work of the acks and publishes in `items`, after the caller has sent them with success. */
  committed(): Promise<CommitResult>
  /**
   * Why a transaction was canceled, from an error that `commit` threw, or from the SDK's `TransactionCanceledException` when
   * the caller sent `items` with its own entries behind them. Empty for any other error.
   */
  explain(error: unknown): readonly CancelReason[]
}

/** What depends on the database. */
export interface JointDatabase<Entry, Database> {
  commits(dynamodb: Database | undefined, entries: readonly Entry[]): JointCommits
  /** @throws `NotSupported` where the database takes no entries */
  items(writes: readonly Write[]): Promise<Entry[]>
  canceledActions(error: unknown, writes: readonly Write[]): readonly ActionFailure[]
}

export interface JointTransactionParts<Entry, Database> {
  readonly transaction: EngineTransaction
  readonly database: JointDatabase<Entry, Database>
  readonly queues: Pick<OpenQueues, 'client' | 'names' | 'reading' | 'telemetry'>
}

export const jointTransaction = <Entry, Database>(
  parts: JointTransactionParts<Entry, Database>,
): JointTransaction<Entry, Database> => new ClientTransaction(parts)

class ClientTransaction<Entry, Database> implements JointTransaction<Entry, Database> {
  readonly #parts: JointTransactionParts<Entry, Database>
  /** The publishes in the order given. Some of them wait for their schema's check. */
  readonly #messages: { readonly queue: string; readonly message: Promise<NewMessage> }[] = []
  /** How many of the publishes the engine's transaction has. */
  #handedOver = 0
  #busy = false
  /** What `items` built last. */
  #writes: readonly Write[] = []

  constructor(parts: JointTransactionParts<Entry, Database>) {
    this.#parts = parts
  }

  ack(given: Handle | readonly Handle[], options: TransactionAckOptions = {}): void {
    const { queue, ...work } = knownFields(options, ACK_FIELDS)
    const { queues, transaction } = this.#parts
    const acks = handlesOf(Array.isArray(given) ? given : [given]).map((receiptHandle) => {
      const name = queue ?? queueOf(receiptHandle, queues.names())
      const outcome = outcomeOf(work, () => queues.reading(name))
      return { queue: name, receiptHandle, ...(outcome && { outcome }) }
    })
    // All acks are added, or none: a refusal above adds nothing.
    for (const ack of acks) transaction.ack(ack)
  }

  publish(
    queue: string | { readonly name: string },
    entries: readonly (PublishEntry<never> | PublishEntry<unknown>)[],
  ): void {
    const name = typeof queue === 'string' ? queue : queue.name
    const reading = this.#parts.queues.reading(queue as string | QueueClient<never, unknown>)
    for (const entry of entries) {
      const message = messageNow(name, reading, entry, `messages[${this.#messages.length}]`)
      // The commit awaits the promise and throws its error; until then it must not count as unhandled.
      message.catch(() => {})
      this.#messages.push({ queue: name, message })
    }
  }

  commit(dynamodb?: Database, entries: readonly Entry[] = [], { signal }: CallOptions = {}): Promise<CommitResult> {
    const { queues, transaction, database } = this.#parts
    return this.#alone(async () => {
      const from = this.#handedOver
      const committed = await inSpans(queues.telemetry, await this.#pendingMessages(), from, (traced) => {
        this.#handOver(traced)
        return transaction.commit(database.commits(dynamodb, entries), signal)
      })
      return this.#resultOf(committed)
    })
  }

  items(): Promise<Entry[]> {
    const { transaction, database } = this.#parts
    return this.#alone(async () => {
      this.#handOver(await this.#pendingMessages())
      this.#writes = await transaction.writes()
      return database.items(this.#writes)
    })
  }

  async committed(): Promise<CommitResult> {
    return this.#resultOf(await this.#parts.transaction.committed())
  }

  explain(error: unknown): readonly CancelReason[] {
    if (isHoldfastError(error)) return error.fields.reasons ?? []
    const { transaction, database } = this.#parts
    return transaction.explain(database.canceledActions(error, this.#writes))
  }

  /** The messages that are to be handed to the engine's transaction, each once, when all of them could be encoded. */
  async #pendingMessages(): Promise<Pending[]> {
    const pending = await Promise.all(
      this.#messages.slice(this.#handedOver).map(async ({ queue, message }) => ({ queue, message: await message })),
    )
    this.#handedOver += pending.length
    return pending
  }

  #handOver(pending: readonly Pending[]): void {
    for (const one of pending) this.#parts.transaction.publish(one)
  }

  /** Lets one commit or build run at a time. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy) {
      throw new HoldfastError('OperationInProgress', 'the transaction is being committed: begin another one')
    }
    this.#busy = true
    try {
      return await work()
    } finally {
      this.#busy = false
    }
  }

  #resultOf({ published, ...committed }: Committed): CommitResult {
    const awaitsOf = (position: number) => this.#parts.queues.client(this.#messages[position]?.queue ?? '')
    return { ...committed, published: published.map((sent, position) => asSent(awaitsOf(position), { ...sent })) }
  }
}

/** A copy of a message as it is at this call, so that changes to its body during the schema's check have no effect. */
const messageNow = async (
  queue: string,
  reading: Reading<never, unknown>,
  entry: PublishEntry<unknown>,
  field: string,
): Promise<NewMessage> => {
  const { body, ...options } = knownFields(entry, MESSAGE_FIELDS, field)
  const checked = checkBody(queue, reading, body as never)
  const encode = () => copyOfMessage(newMessage(reading.codec.encode(body), options))
  let encoded: { readonly message: NewMessage } | { readonly error: unknown }
  try {
    encoded = { message: encode() }
  } catch (error) {
    encoded = { error }
  }
  await checked
  if ('error' in encoded) throw encoded.error
  return encoded.message
}

const ACK_FIELDS: FieldNames<TransactionAckOptions> = { result: true, failure: true, queue: true }

const outcomeOf = (
  { result, failure }: Omit<TransactionAckOptions, 'queue'>,
  reading: () => Reading<never, unknown>,
): WorkOutcome | undefined => {
  if (result !== undefined && failure !== undefined) {
    throw invalid('result', 'given', 'must not be given together with failure')
  }
  if (failure !== undefined) return { kind: 'failed', failure: failureFrom(failure) }
  return result === undefined ? undefined : { kind: 'done', result: copyOfBody(reading().codec.encode(result)) }
}

const queueOf = (receiptHandle: string, names: Iterable<string>): string => {
  for (const name of names) if (isHandleOf(name, receiptHandle)) return name
  throw invalid('queue', undefined, 'must be given for a message of a queue that this client was not asked for')
}
