import type { Engine } from '../engine.ts'
import type { CancelReason } from '../model/cancel-reason.ts'
import { HoldfastError, invalid } from '../model/errors.ts'
import { checkGroupingId } from '../model/message-rules.ts'
import type { FirstPublish } from '../publish/deduplication.ts'
import type { ActionFailure, JointCommits } from '../store/joint.ts'
import type { Write } from '../store/port.ts'
import type { AskedAck, AskedPublish } from './asked.ts'
import { type Built, buildTransaction } from './build.ts'
import { type Attempt, commit } from './commit.ts'
import { followCommit } from './follow-up.ts'
import { reasonsOf } from './judge.ts'
import { nothingFound } from './part.ts'

export interface TransactionOptions {
  /**
   * Adds a check of the record of each queue that is published to: a purge, a change or a deletion that comes between is
   * noticed, and the transaction is built anew. It costs 2 WRU a queue, and two reads.
   *
   * @default false
   */
  readonly strict?: boolean
  /**
   * Names the work, once and for all: of all transactions under one id one is committed, also by different processes, and
   * after a failure of any kind a second commit under the id tells whether the first was done. It is known for a day, and
   * costs 2 WRU. 1 to 128 letters, digits or punctuation characters.
   */
  readonly transactionId?: string
}

export interface Committed {
  /** Of each published message, in the order asked; empty where `repeated`. */
  readonly published: readonly FirstPublish[]
  /** A transaction with this id was committed before; nothing was done now. */
  readonly repeated?: true
}

/** A transaction over the engine's store; the client's transaction adds codecs and the caller's own entries. */
export interface EngineTransaction {
  ack(ack: AskedAck): void
  publish(publish: AskedPublish): void
  /** Again after `OutcomeUnknown`, it first finds out about the attempt before, and sends that one again. */
  commit(commits: JointCommits, signal?: AbortSignal): Promise<Committed>
  /** The writes, for a caller that sends them. */
  writes(): Promise<readonly Write[]>
  /** Follows up what a caller has sent. */
  committed(): Promise<Committed>
  /** What the failures of the writes built last mean. */
  explain(failures: readonly ActionFailure[]): CancelReason[]
}

export const engineTransaction = (
  engine: Engine,
  { strict = false, transactionId }: TransactionOptions = {},
): EngineTransaction => {
  if (transactionId !== undefined) checkGroupingId('transactionId', transactionId)
  const acks: AskedAck[] = []
  const publishes: AskedPublish[] = []
  const asked = { acks, publishes }
  const found = nothingFound()
  const history: Attempt[] = []
  let last: Built | undefined
  let state: 'open' | 'committing' | 'committed' = 'open'

  const mustBeOpen = (): void => {
    if (state === 'open') return
    const told = state === 'committing' ? 'is being committed' : 'is committed'
    throw new HoldfastError('OperationInProgress', `the transaction ${told}: begin another one`)
  }
  const marker = () => {
    const queue = acks[0]?.queue ?? publishes[0]?.queue
    if (transactionId === undefined) return undefined
    if (queue === undefined) throw invalid('transactionId', transactionId, 'needs something to ack or to publish')
    return { queue, transactionId }
  }
  const build = async (attempt: string, reads: boolean): Promise<Built> => {
    last = await buildTransaction(engine, asked, found, { strict, marker: marker(), attempt, reads })
    return last
  }
  const finish = async (built: Built): Promise<Committed> => {
    state = 'committed'
    await followCommit(engine, built)
    return { published: built.sent }
  }

  return {
    ack: (ack) => {
      mustBeOpen()
      acks.push(ack)
    },
    publish: (publish) => {
      mustBeOpen()
      publishes.push(publish)
    },
    commit: async (commits, signal) => {
      mustBeOpen()
      state = 'committing'
      try {
        const commitment = await commit({
          engine,
          commits,
          found,
          history,
          marker: marker(),
          acks: acks.length > 0,
          signal,
          build: (attempt) => build(attempt, false),
        })
        if ('built' in commitment) return await finish(commitment.built)
        state = 'committed'
        return { published: [], repeated: true }
      } catch (error) {
        state = 'open'
        throw error
      }
    },
    writes: async () => {
      mustBeOpen()
      const { parts } = await build(Buffer.from(engine.random.bytes(18)).toString('hex'), true)
      return parts.map(({ write }) => write)
    },
    committed: async () => {
      mustBeOpen()
      if (!last) throw invalid('committed', 'nothing', 'must follow items()')
      return finish(last)
    },
    explain: (failures) =>
      last ? failures.flatMap((failure) => reasonsOf(last as Built, failure, engine.clock.now())) : [],
  }
}
