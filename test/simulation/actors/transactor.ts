import { isHoldfastError } from '../../../lib/model/errors.ts'
import type { JointCommits } from '../../../lib/store/joint.ts'
import type { Write } from '../../../lib/store/port.ts'
import { storeCommits } from '../../../lib/transactions/store-commits.ts'
import { type EngineTransaction, engineTransaction } from '../../../lib/transactions/transaction.ts'
import { type Publish, type Removal, removed, type Transaction } from '../history.ts'
import { EFFECTS } from '../ledger.ts'
import { type Answer, publishAnswer } from '../operations.ts'
import type { Actor, World } from '../world.ts'
import { idOf } from '../world.ts'
import { queueName } from '../world-settings.ts'
import { askFor, outcomeOf, receive } from './consumer.ts'
import { passing, type Work } from './employ.ts'
import { askedMessage, planned } from './publisher.ts'

/** Maximum number of tries of a commit whose outcome is not known. */
const MAX_ASKED = 3

/** Receives messages, acks them together with an effect of its own, and publishes others in the same transaction. */
export const transactor: Work = async (world, actor) => {
  const { random, process } = actor
  const { settings, history, scheduler, story } = world
  const leaseSeconds = random.whole(...world.spans.leaseSeconds)
  const maxMessages = random.oneOf([1, 1, 3])
  const workMs = random.oneOf([random.whole(0, 50), random.whole(0, 1_500 * leaseSeconds)])
  const published = random.whole(0, 2)
  const strict = random.chance(0.2)
  const isNamed = random.chance(0.4)
  const onlyPublishes = published > 0 && random.chance(0.3)
  const queue = queueName(settings)
  const deliveries = onlyPublishes
    ? []
    : await receive(world, actor, queue, { maxMessages, leaseSeconds, waitTimeSeconds: 1 })
  if (deliveries.length === 0 && !onlyPublishes) return
  await process.sleep(onlyPublishes ? 100 : workMs)
  const name = idOf(actor)
  const messages = distinct(Array.from({ length: published }, (_, place) => planned(world, actor, place)))
  const startedAt = scheduler.now()
  const done: Transaction = {
    name,
    deliveries,
    bodies: messages.map(({ message }) => message.body),
    startedAt,
    endedAt: undefined,
    outcome: 'unknown',
  }
  history.transactions.push(done)
  const removals = deliveries.map((one) => history.removing(one.message.messageId, startedAt, one))
  const transaction = engineTransaction(process.engine, { strict, ...(isNamed && { transactionId: name }) })
  for (const one of deliveries) {
    const { result, failure } = outcomeOf(one)
    const outcome = failure ? ({ kind: 'failed', failure } as const) : ({ kind: 'done', result } as const)
    const { receiptHandle } = one.message
    transaction.ack({ queue, receiptHandle, ...(settings.settings?.results && { outcome }) })
  }
  for (const { message } of messages) transaction.publish({ queue, message })
  story?.note(startedAt, actor.name, `commits: acks ${deliveries.map(({ message }) => message.body).join(', ')}`)
  const publishes = messages.map(({ publish }) => publish)
  const asked = [
    askFor(world, actor, 'ack', deliveries),
    world.log.asked(
      actor.name,
      {
        op: 'publish',
        queue,
        messages: messages.map(({ message }) => askedMessage(message)),
      },
      process.engine.clock.now(),
    ),
  ] as const
  await commit(world, actor, transaction, { done, removals, publishes, asked })
}

const LOCK = { partition: 'locks', sort: 'all' }

/** Takes the users' lock for a while: meanwhile no transaction of theirs can be done. */
export const locker: Work = async ({ store }, { random, process }) => {
  const [pause, ms] = [random.whole(500, 3_000), random.whole(100, 1_500)]
  await process.sleep(pause)
  await store.transact([{ kind: 'put', key: LOCK, value: true }])
  await process.sleep(ms)
  await store.transact([{ kind: 'delete', key: LOCK }])
}

const commit = async (
  world: World,
  actor: Actor,
  transaction: EngineTransaction,
  {
    done,
    removals,
    publishes,
    asked: [acked, stored],
  }: {
    done: Transaction
    removals: readonly Removal[]
    publishes: readonly Publish[]
    asked: readonly [(answer: Answer) => void, (answer: Answer) => void]
  },
): Promise<void> => {
  const { history, scheduler, story } = world
  // The effect has a condition: a lock that other actors take and release.
  const effects: Write[] = [
    { kind: 'put', key: { partition: EFFECTS, sort: done.name }, value: done.name },
    { kind: 'check', key: LOCK, ifVersion: 0 },
  ]
  for (let asked = 1; ; asked++) {
    try {
      const { published } = await transaction.commit(commitsOf(world, actor, effects))
      acked({ results: removals.map(() => 'ok') })
      stored(publishAnswer(published.map((one) => ({ ok: true, ...one }))))
      done.outcome = 'committed'
      done.endedAt = scheduler.now()
      for (const removal of removals) removed(removal, scheduler.now())
      for (const [position, one] of published.entries()) {
        history.published(publishes[position] as Publish, { ok: true, ...one }, scheduler.now())
      }
      break
    } catch (error) {
      if (isHoldfastError(error, 'OutcomeUnknown')) {
        if (asked < MAX_ASKED) continue
        done.endedAt = scheduler.now()
        break
      }
      if (!isHoldfastError(error, 'TransactionCanceled')) passing(error)
      done.outcome = 'nothing'
      done.endedAt = scheduler.now()
      for (const removal of removals) removal.outcome = 'refused'
      acked({ results: removals.map(() => 'TransactionCanceled') })
      stored({ results: publishes.map(() => 'TransactionCanceled') })
      break
    }
  }
  story?.note(scheduler.now(), actor.name, `reads the outcome of its commit: ${done.outcome}`)
}

/** Leaves out repeated deduplication ids: a transaction may have each once. */
const distinct = <T extends { readonly message: { readonly deduplicationId?: string } }>(all: readonly T[]): T[] =>
  all.filter(
    ({ message: { deduplicationId: id } }, place) =>
      id === undefined || all.findIndex(({ message }) => message.deduplicationId === id) === place,
  )

/** A database that supports tokens, as DynamoDB does, and takes a write of the user's own. */
const commitsOf = (world: World, { process }: Actor, effects: readonly Write[]): JointCommits => {
  let resent = false
  const { store } = process.engine
  const plain = storeCommits({
    ...store,
    transact: async (writes) => {
      const outcome = await store.transact(writes)
      resent = 'resent' in outcome
      return outcome
    },
  })
  return {
    repeatable: true,
    prepare: (writes) => ({ writes: [...writes, ...effects], actions: [], storeContent: async () => {} }),
    send: async (prepared, token) => {
      const writes = [...prepared.writes]
      world.tokens.set(writes, token)
      resent = false
      const outcome = await plain.send({ ...prepared, writes }, token)
      if (outcome.kind === 'canceled') return { ...outcome, resent }
      const isConflict = outcome.kind === 'refused' && outcome.error.message.includes('transaction conflict')
      return isConflict ? { kind: 'canceled', failures: [{ action: 0, cause: 'conflict' }], resent: false } : outcome
    },
  }
}
