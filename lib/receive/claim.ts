import type { Engine } from '../engine.ts'
import type { Request, ScanTarget } from '../hints/scan-target.ts'
import { type HoldfastError, isHoldfastError } from '../model/errors.ts'
import type { Message } from '../model/message.ts'
import { receivedMessages } from '../model/received-message.ts'
import type { Segment } from '../model/segment.ts'
import { bearsLeases, type Change, removeSegment, unclaim } from '../model/segment-change.ts'
import { reportUnreadable } from '../queues/report-unreadable.ts'
import type { Claim, ClaimOutcome } from '../store/port.ts'
import {
  type After,
  anyExhausted,
  areTooFew,
  type Candidate,
  candidatesOf,
  noteDensity,
  noteNewest,
  pick,
  without,
  withoutExhausted,
} from './candidates.ts'
import { type IssuedClaim, newLeasing } from './leasing.ts'

export interface Claimed {
  readonly messages: Message[]
  readonly after: After
}

/** When a round loses more than this part of its claims, the headers that it read are out of date. */
const STALE_LOSS = 0.5
const ROUNDS = 3
/** Content that is missing this long after the publish never comes: it is written concurrently with the header, and retried for seconds. */
const ORPHAN_AFTER_MS = 60_000
/** Bounds of the wait before a claim, for each competing poller. Within them it is the duration of a Query, about that of a claim. */
const DEFER_MS = { min: 4, max: 25 }
/** When nothing was claimed during a wait of more than this part of the longest one, probably no other poller is there. */
const ENOUGH_PATIENCE = 0.25

/**
 * Claims up to `want` messages of the segments that were read: the first ones, or random ones while other pollers are noticed.
 * Exhausted messages are moved to the dead-letter queue.
 *
 * @param more whether the partition holds more segments that are due
 */
export const claimFrom = async (
  engine: Engine,
  target: ScanTarget,
  segments: readonly Segment[],
  request: Request,
  { more = false } = {},
): Promise<Claimed> => {
  const claimed: Claimed = { messages: [], after: new Map() }
  if (request.want <= 0 || request.signal?.aborted) return claimed
  let candidates = candidatesOf(engine, target, segments, claimed.after)
  if (anyExhausted(target.queue, candidates))
    candidates = await withoutExhausted(engine, target, candidates, claimed.after)
  noteDensity(target, segments, candidates, engine.clock.now())
  if (!more && areTooFew(target, candidates, request.want)) {
    candidates = await deferred(engine, target, segments, candidates, request, claimed.after)
    if (request.signal?.aborted) return claimed
  }
  for (let round = 0; round < ROUNDS && candidates.length > 0; round++) {
    const picked = pick(engine, target, candidates, request.want - claimed.messages.length)
    if (picked.length === 0) break
    const lost = await claimPicked(engine, target, picked, request, claimed)
    if (claimed.messages.length >= request.want || lost > picked.length * STALE_LOSS) break
    candidates = without(candidates, picked)
  }
  return claimed
}

/**
 * Waits a random time and reads the candidates again. Of many pollers that want few messages, the one that waits the shortest
 * claims them, and the others find nothing and write nothing: a read costs a fraction of a lost claim.
 */
const deferred = async (
  engine: Engine,
  target: ScanTarget,
  segments: readonly Segment[],
  candidates: readonly Candidate[],
  { signal }: Request,
  after: After,
): Promise<Candidate[]> => {
  const from = candidates[0]?.segment.key.sort
  const to = candidates.at(-1)?.segment.key.sort
  if (from === undefined || to === undefined) return []
  const { contention, roundTripMs } = target.hints
  const patience = engine.random.fraction()
  const turnMs = Math.min(DEFER_MS.max, Math.max(DEFER_MS.min, roundTripMs))
  await engine.clock.sleep(patience * contention.pressure * turnMs, signal)
  if (signal?.aborted) return []
  const page = await engine.store.headers({ partition: target.partition, from, to, limit: segments.length })
  for (const { segment } of candidates) after.set(segment.key.sort, undefined)
  for (const segment of page.segments) after.set(segment.key.sort, segment)
  const found = candidatesOf(engine, target, page.segments, after)
  const left = anyExhausted(target.queue, found) ? await withoutExhausted(engine, target, found, after) : found
  const untouched =
    left.length === candidates.length &&
    left.every(({ segment: { version } }, position) => version === candidates[position]?.segment.version)
  if (untouched && patience > ENOUGH_PATIENCE) contention.observeIdle()
  return left
}

/** Claims the picked messages. Returns how many claims were lost to other pollers. */
const claimPicked = async (
  engine: Engine,
  target: ScanTarget,
  picked: readonly Candidate[],
  request: Request,
  claimed: Claimed,
): Promise<number> => {
  const { reserved } = target.hints
  for (const { segment, indexes } of picked) reserved.add(segment.key.sort, indexes)
  try {
    await request.acquireBudget?.()
    if (request.signal?.aborted) return 0
    const { issue } = newLeasing(engine, target.queue, request.leaseMs)
    const claims = picked.map(({ segment, indexes }) => issue(segment, indexes))
    const answered = await engine.store.claim(claims)
    const outcomes = answered.every(isWhole) ? answered : await recognizeOwn(engine, answered, claims)
    const fault = faultOf(outcomes)
    if (fault && claimed.messages.length === 0) throw fault
    const abandoned = request.signal?.aborted ?? false
    if (abandoned || !outcomes.every(isWhole)) await putBack(engine, target, claims, outcomes, abandoned)
    return noteOutcomes(engine, target, claims, outcomes, { claimed, abandoned })
  } finally {
    for (const { segment, indexes } of picked) reserved.remove(segment.key.sort, indexes)
  }
}

const isWhole = (outcome: ClaimOutcome): boolean => outcome.applied && outcome.content !== undefined

/** The first error, when every claim failed with one. */
const faultOf = (outcomes: readonly ClaimOutcome[]): HoldfastError | undefined => {
  let fault: HoldfastError | undefined
  for (const outcome of outcomes) {
    if (outcome.applied || !outcome.error) return undefined
    fault ??= outcome.error
  }
  return fault
}

/** Undoes claims whose messages reach no consumer: those without content, and all of them when the caller has aborted. */
const putBack = async (
  engine: Engine,
  target: ScanTarget,
  claims: readonly Claim[],
  outcomes: readonly ClaimOutcome[],
  abandoned: boolean,
): Promise<void> => {
  const undone: Change[] = []
  for (const [position, { segment, change }] of claims.entries()) {
    const outcome = outcomes[position]
    if (!outcome?.applied) continue
    // The messages stay leased, so that another poll tries to read them when the leases end.
    if (outcome.unreadable !== undefined) reportUnreadable(engine, target.queue, segment.key, outcome.unreadable)
    else if (outcome.content === undefined) await giveUp(engine, target, { segment, change }, outcome.segment)
    else if (abandoned) undone.push(unclaim(segment, change))
  }
  if (undone.length > 0) await engine.store.change(undone)
}

/** Records the outcomes of claims, and adds the messages. Returns how many claims were lost to other pollers. */
const noteOutcomes = (
  engine: Engine,
  target: ScanTarget,
  claims: readonly IssuedClaim[],
  outcomes: readonly ClaimOutcome[],
  { claimed, abandoned }: { claimed: Claimed; abandoned: boolean },
): number => {
  let lost = 0
  for (const [position, outcome] of outcomes.entries()) {
    const claim = claims[position] as IssuedClaim
    if (outcome.segment) noteNewest(target, outcome.segment)
    const delivered = outcome.applied && outcome.content !== undefined && !abandoned
    const unsure = outcome.applied ? !delivered : outcome.error !== undefined
    claimed.after.set(claim.segment.key.sort, unsure ? 'unknown' : outcome.segment)
    if (delivered) {
      claimed.messages.push(...receivedMessages(outcome.segment, outcome.content, claim.receiptHandles))
    } else if (!outcome.applied && !outcome.error) lost++
  }
  target.hints.contention.observe({ won: claims.length - lost, lost })
  if (lost > 0) engine.observe({ type: 'lost-race', queue: target.queue.name, count: lost })
  return lost
}

/** Corrects outcomes of claims that failed because an earlier try of the same claim had succeeded and its response was lost. */
const recognizeOwn = async (
  engine: Engine,
  outcomes: readonly ClaimOutcome[],
  claims: readonly Claim[],
): Promise<readonly ClaimOutcome[]> =>
  Promise.all(
    outcomes.map(async (outcome, position) => {
      const { change } = claims[position] as Claim
      const { segment } = outcome
      if (outcome.applied || outcome.error || !segment || !bearsLeases(segment, change)) return outcome
      try {
        const [stored] = await engine.store.read([segment.key])
        // `segment` has the leases of this claim. By the time of the read other consumers may hold the messages.
        return stored ? { ...stored, applied: true as const, segment } : outcome
      } catch (error) {
        // Other claims of the round have succeeded, and their messages must reach the caller.
        if (!isHoldfastError(error)) throw error
        return { applied: false as const, segment: undefined, error }
      }
    }),
  )

/**
 * Gives up the claim of a segment without content. If the publish must have failed, the segment is deleted. Otherwise the claim is undone,
 * because the content may still come.
 */
export const giveUp = async (engine: Engine, target: ScanTarget, { segment, change }: Claim, current: Segment) => {
  const isOrphan = engine.clock.now() - segment.publishedAt > ORPHAN_AFTER_MS
  await engine.store.change([isOrphan ? removeSegment(current) : unclaim(segment, change)])
  if (isOrphan) engine.observe({ type: 'orphan-dropped', queue: target.queue.name })
}
