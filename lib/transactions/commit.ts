import { randomUUID } from 'node:crypto'
import type { Engine } from '../engine.ts'
import type { CancelReason } from '../model/cancel-reason.ts'
import { HoldfastError, isHoldfastError } from '../model/errors.ts'
import type { JointCommits, PreparedTransaction } from '../store/joint.ts'
import type { Built } from './build.ts'
import { canceled, judge } from './judge.ts'
import { type Marker, outcomeUnknown, resolveMarker } from './marker.ts'
import type { ReadState } from './part.ts'

export interface CommitParts {
  readonly engine: Engine
  readonly commits: JointCommits
  readonly found: ReadState
  /** The attempts so far, including those of an earlier call that ended with `OutcomeUnknown`. */
  readonly history: Attempt[]
  readonly build: (attempt: string) => Promise<Built>
  /** The marker of a transaction with an id. */
  readonly marker: Marker | undefined
  /** Whether the transaction acks a lease: two attempts can't both do that. */
  readonly acks: boolean
  readonly signal: AbortSignal | undefined
}

/** The attempt that was committed: one of this call, or one of an earlier call under the transaction's id. */
export type Commitment = { readonly built: Built } | { readonly earlier: true }

/** A commit is tried again after a conflict with another writer, a throttle, a lost answer, or a change that needs new actions. */
const TRIES = 12
const FIRST_PAUSE_MS = 20
const MAX_PAUSE_MS = 2_000
/** The age from which actions are built anew: see `isUsable`. */
const BUILT_KEPT_MS = 5_000
/** DynamoDB remembers a token for ten minutes after its request was completed. This is counted from the first sending. */
const TOKEN_KNOWN_MS = 9 * 60_000

export interface Attempt {
  readonly built: Built
  readonly prepared: PreparedTransaction
  token: string
  /** When the attempt was first sent, epoch ms. */
  readonly sentAt: number
  /** Whether a sending of the attempt has had no answer. */
  unanswered: boolean
}

/**
 * Commits a transaction while other writers may write the same items.
 *
 * - INVARIANT: at most one attempt is ever done. The database does a request once, however often it is sent under its token. The
 *   commit takes a second token only when every sending under the first was answered "cancelled", or when two attempts can't both be done:
 *   because the transaction acks a lease, which only one attempt can find still held, or because it has a marker.
 * - INVARIANT: the commit succeeds only when an attempt was done. It answers "nothing was done" only when no attempt was done
 *   and none can be done any more. Otherwise the error is `OutcomeUnknown`.
 * - Actions are sent for the first time within 5 seconds of their build, or are built anew. A purge or a deletion after the
 *   build drops the messages that they publish, and a message stored late may have a key that pollers skip. An attempt that
 *   may have been done is sent again unchanged, also later: the purge or deletion then happened during this call.
 */
export const commit = async (parts: CommitParts): Promise<Commitment> => {
  const { engine, history, signal } = parts
  let attempt = history.find(({ unanswered }) => unanswered)
  let failure = contended()
  for (let tries = 0; tries < TRIES; tries++) {
    if (tries > 0) await pause(engine, tries, signal)
    if (signal?.aborted && !inDoubt(history)) throw signal.reason
    if (attempt && isTokenForgotten(engine, attempt)) break
    try {
      if (!attempt || !isUsable(engine, attempt)) attempt = await prepare(parts)
    } catch (error) {
      if (!isHoldfastError(error)) throw error
      failure = error
      if (error.retryable) continue
      break
    }
    const step = await send(parts, attempt)
    if ('commitment' in step) return step.commitment
    failure = step.failure
    if (step.next === 'give-up') break
    if (step.next === 'renew') attempt = undefined
  }
  return conclude(parts, failure)
}

type Step =
  | { readonly commitment: Commitment }
  | { readonly failure: HoldfastError; readonly next: 'send-again' | 'renew' | 'give-up' }

const send = async (parts: CommitParts, attempt: Attempt): Promise<Step> => {
  const { engine, commits, found } = parts
  const outcome = await commits.send(attempt.prepared, attempt.token)
  switch (outcome.kind) {
    case 'applied':
      return { commitment: { built: attempt.built } }
    case 'unknown':
      attempt.unanswered = true
      return { failure: outcome.error, next: commits.repeatable ? 'send-again' : 'give-up' }
    case 'refused':
      return { failure: outcome.error, next: outcome.error.code === 'Throttled' ? 'send-again' : 'give-up' }
    case 'canceled': {
      // The SDK sent the request more than once, and an earlier sending may still arrive.
      if (outcome.resent) attempt.unanswered = true
      const judgement = await judge(engine, attempt.built, outcome.failures, found)
      if (judgement.kind === 'done') return { commitment: commitmentOf(parts, judgement.attempt) }
      if (judgement.kind === 'final') {
        // A lost lease stays lost, so no sending can be done any more. Any other reason may pass, and a sending without an
        // answer may arrive afterwards.
        if (judgement.reasons.some(isLasting)) attempt.unanswered = false
        return { failure: canceled(judgement.reasons), next: 'give-up' }
      }
      if (judgement.kind === 'rebuild') {
        const next = !attempt.unanswered || isFenced(parts) ? 'renew' : 'give-up'
        return { failure: contended(), next }
      }
      // Every sending is known to be canceled, so the next one takes a new token.
      if (!attempt.unanswered) attempt.token = randomUUID()
      return { failure: contended(), next: 'send-again' }
    }
  }
}

const contended = (): HoldfastError =>
  new HoldfastError('Throttled', 'nothing was done, since other writers keep changing the same items: try again', {
    reason: 'contention',
  })

const isLasting = ({ reason }: CancelReason): boolean => reason === 'lease-lost' || reason === 'message-gone'

const isFenced = ({ acks, marker }: CommitParts): boolean => acks || marker !== undefined

const inDoubt = (history: readonly Attempt[]): boolean => history.some(({ unanswered }) => unanswered)

const isTokenForgotten = (engine: Engine, { unanswered, sentAt }: Attempt): boolean =>
  unanswered && engine.clock.now() - sentAt > TOKEN_KNOWN_MS

/** Whether to send an attempt again. One that may have been done is always sent again, any other one only while it is fresh. */
const isUsable = (engine: Engine, { unanswered, built }: Attempt): boolean =>
  unanswered || engine.clock.now() - built.builtAt <= BUILT_KEPT_MS

/** Builds an attempt and stores its content. If that takes too long, it builds another one. */
const prepare = async ({ engine, commits, build, history }: CommitParts): Promise<Attempt> => {
  for (let tries = 0; tries < TRIES; tries++) {
    const built = await build(attemptName(engine))
    const prepared = commits.prepare(built.parts.map(({ write }) => write))
    await prepared.storeContent()
    const attempt = { built, prepared, token: randomUUID(), sentAt: engine.clock.now(), unanswered: false }
    if (!isUsable(engine, attempt)) continue
    history.push(attempt)
    return attempt
  }
  throw new HoldfastError(
    'StoreUnavailable',
    'storing the bodies takes longer than 5 seconds: try again, or with smaller bodies',
  )
}

/** A new name for an attempt in the marker. */
const attemptName = (engine: Engine): string => Buffer.from(engine.random.bytes(18)).toString('hex')

const pause = (engine: Engine, tries: number, signal: AbortSignal | undefined): Promise<void> => {
  const longest = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1))
  // Full jitter, so that writers that collided once do not collide again.
  return engine.clock.sleep(Math.round(longest * engine.random.fraction()), signal)
}

const commitmentOf = ({ history }: CommitParts, done: string): Commitment => {
  const ours = history.find(({ built }) => built.attempt === done)
  return ours ? { built: ours.built } : { earlier: true }
}

/**
 * Ends a commit whose attempts were not answered "done". It throws the failure when certainly nothing was done. Otherwise the
 * marker decides; without a marker the error is `OutcomeUnknown`.
 */
const conclude = async (parts: CommitParts, failure: HoldfastError): Promise<Commitment> => {
  const { engine, marker, found, history } = parts
  if (!inDoubt(history)) throw nothingDone(failure)
  if (!marker) throw outcomeUnknown('a sending of it has had no answer, and it has no transactionId', failure)
  const { done, version } = await resolveMarker(engine, marker, found.marker, attemptName(engine)).catch(
    (error: unknown) => {
      throw isHoldfastError(error, 'OutcomeUnknown') ? error : outcomeUnknown('its marker could not be read', error)
    },
  )
  found.marker = version
  for (const attempt of history) attempt.unanswered = false
  if (done !== undefined) return commitmentOf(parts, done)
  throw nothingDone(failure)
}

const nothingDone = (failure: HoldfastError): HoldfastError =>
  failure.code === 'StoreUnavailable'
    ? new HoldfastError(failure.code, `nothing was done: ${failure.message}`, failure.fields, { cause: failure })
    : failure
