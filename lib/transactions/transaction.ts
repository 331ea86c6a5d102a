import type { Engine } from '../engine.ts'
import type { CancelReason } from '../model/cancel-reason.ts'
import { HoldfastError, invalid } from '../model/errors.ts'
import { type FieldNames, knownFields } from '../model/known-fields.ts'
import { checkGroupingId } from '../model/message-rules.ts'
import type { FirstPublish } from '../publish/deduplication.ts'
import type { ActionFailure, JointCommits } from '../store/joint.ts'
import type { Write } from '../store/port.ts'
import { type Built, buildTransaction } from './build.ts'
import { type Attempt, commit } from './commit.ts'
import { followCommit } from './follow-up.ts'
import { reasonsOf } from './judge.ts'
import { emptyReadState } from './part.ts'
import type { AckRequest, PublishRequest } from './request.ts'

export interface TransactionOptions {
  /**
   * Adds a condition on the record of each queue that is published to. When a purge, a change or a deletion of the queue comes
   * between, the transaction is built anew. This costs 2 WRU and two reads for each queue.
   *
   * @default false
   */
  readonly strict?: boolean
  /**
   * The name of the work. Of all transactions with one id, of all processes, one is committed. After a failure of any kind, a
   * second commit with the id finds out whether the first was done. The id is remembered for a day, and costs 2 WRU. 1 to 128
   * letters, digits or punctuation characters.
   */
  readonly transactionId?: string
}

const TRANSACTION_FIELDS: FieldNames<TransactionOptions> = { strict: true, transactionId: true }

export interface Committed {
  /** The published messages, in their order; empty when `repeated`. */
  readonly published: readonly FirstPublish[]
  /** A transaction with this id was committed before, and this call did nothing. */
  readonly repeated?: true
}

/** A transaction over the engine's store; the client's transaction adds codecs and the caller's own entries. */
export interface EngineTransaction {
  ack(ack: AckRequest): void
  publish(publish: PublishRequest): void
  /** Called again after `OutcomeUnknown`, it first sends the earlier attempt again, to find out what became of it. */
  commit(commits: JointCommits, signal?: AbortSignal): Promise<Committed>
  /** The writes, for a caller that sends them itself. */
  writes(): Promise<readonly Write[]>
  /** Does the follow-up work after a caller has sent the writes. */
  committed(): Promise<Committed>
  /** The reasons of a cancellation, from the failures of the writes that were built last. */
  explain(failures: readonly ActionFailure[]): CancelReason[]
}

export const engineTransaction = (engine: Engine, options: TransactionOptions = {}): EngineTransaction =>
  new StoreTransaction(engine, options)

class StoreTransaction implements EngineTransaction {
  readonly #engine: Engine
  readonly #options: TransactionOptions
  readonly #acks: AckRequest[] = []
  readonly #publishes: PublishRequest[] = []
  readonly #found = emptyReadState()
  readonly #history: Attempt[] = []
  #last: Built | undefined
  #state: 'open' | 'committing' | 'committed' = 'open'

  constructor(engine: Engine, options: TransactionOptions) {
    knownFields(options, TRANSACTION_FIELDS)
    if (options.transactionId !== undefined) checkGroupingId('transactionId', options.transactionId)
    this.#engine = engine
    this.#options = options
  }

  ack(ack: AckRequest): void {
    this.#mustBeOpen()
    this.#acks.push(ack)
  }

  publish(publish: PublishRequest): void {
    this.#mustBeOpen()
    this.#publishes.push(publish)
  }

  async commit(commits: JointCommits, signal?: AbortSignal): Promise<Committed> {
    this.#mustBeOpen()
    this.#state = 'committing'
    try {
      const commitment = await commit({
        engine: this.#engine,
        commits,
        found: this.#found,
        history: this.#history,
        marker: this.#marker(),
        acks: this.#acks.length > 0,
        signal,
        build: (attempt) => this.#build(attempt, false),
      })
      if ('built' in commitment) return await this.#finish(commitment.built)
      this.#state = 'committed'
      return { published: [], repeated: true }
    } catch (error) {
      this.#state = 'open'
      throw error
    }
  }

  async writes(): Promise<readonly Write[]> {
    this.#mustBeOpen()
    const { parts } = await this.#build(Buffer.from(this.#engine.random.bytes(18)).toString('hex'), true)
    return parts.map(({ write }) => write)
  }

  async committed(): Promise<Committed> {
    this.#mustBeOpen()
    if (!this.#last) throw invalid('committed', 'nothing', 'must follow items()')
    return this.#finish(this.#last)
  }

  explain(failures: readonly ActionFailure[]): CancelReason[] {
    const last = this.#last
    return last ? failures.flatMap((failure) => reasonsOf(last, failure, this.#engine.clock.now())) : []
  }

  #mustBeOpen(): void {
    if (this.#state === 'open') return
    const condition = this.#state === 'committing' ? 'is being committed' : 'is committed'
    throw new HoldfastError('OperationInProgress', `the transaction ${condition}: begin another one`)
  }

  #marker() {
    const { transactionId } = this.#options
    const queue = this.#acks[0]?.queue ?? this.#publishes[0]?.queue
    if (transactionId === undefined) return undefined
    if (queue === undefined) throw invalid('transactionId', transactionId, 'needs something to ack or to publish')
    return { queue, transactionId }
  }

  async #build(attempt: string, reads: boolean): Promise<Built> {
    const asked = { acks: this.#acks, publishes: this.#publishes }
    const how = { strict: this.#options.strict ?? false, marker: this.#marker(), attempt, reads }
    this.#last = await buildTransaction(this.#engine, asked, this.#found, how)
    return this.#last
  }

  async #finish(built: Built): Promise<Committed> {
    this.#state = 'committed'
    await followCommit(this.#engine, built)
    return { published: built.sent }
  }
}
