import { setTimeout as sleep } from 'node:timers/promises'
import type { TransactWriteItem } from '@aws-sdk/client-dynamodb'
import type { Clock } from '../../clock.ts'
import type { HoldfastError } from '../../model/errors.ts'
import { isHoldfastError } from '../../model/errors.ts'
import type { Segment } from '../../model/segment.ts'
import { applyChange, type Change } from '../../model/segment-change.ts'
import type { ChangeFailure, ChangeOutcome, Claim, ClaimedSegment, ClaimOutcome, PutWrite, Store } from '../port.ts'
import { putDocument } from './documents.ts'
import { expressionFor, type Statement, statementFor } from './expressions.ts'
import { isThrottle, perhapsDone } from './faults.ts'
import { headerKey, headerOf, type Item } from './header-item.ts'
import { changePatiently } from './patient-changes.ts'
import { type Bodies, bodiesOf, contentIn, haveArrived } from './segments.ts'
import type { BatchOutcome, TableClient } from './table-client.ts'

/** One change's outcome with its header item: the new image, or the item that the condition met. */
type Written =
  | { readonly held: true; readonly item: Item | undefined }
  | { readonly held: false; readonly item: Item | undefined; readonly error?: HoldfastError }

export const changeOperations = (
  table: TableClient,
  clock: Clock,
): Pick<Store, 'change' | 'claim' | 'claimTogether'> => ({
  /**
   * writes: one update or delete for each change, several in one request where they can be expressed as statements
   * condition: what the change requires · cost: 1 WRU each, also when the condition fails
   */
  change: (changes) =>
    changePatiently(changes, { change: (some) => changeEach(table, clock, some), sleep, fraction: Math.random }),

  /** Like `change`, and reads the bodies concurrently: a body that is read for a lost claim costs a fraction of a write. */
  claim: (claims) => claimEach(table, clock, claims),

  /**
   * writes: every claim and the fence in one transaction; a lone claim without a fence in a plain update
   * cost: 2 WRU for each segment and for the fence; 1 WRU for a lone claim
   * condition: what each claim requires, and the fence's version
   */
  claimTogether: async (claims, fence) => {
    const [only, another] = claims
    if (!only || another || fence) return claimTogether(table, claims, fence && fenceItem(table, fence, clock.now()))
    const [outcome] = await claimEach(table, clock, claims)
    if (outcome && !outcome.applied && outcome.error) throw outcome.error
    return outcome?.applied ? [outcome] : undefined
  },
})

const changeEach = async (table: TableClient, clock: Clock, changes: readonly Change[]): Promise<ChangeOutcome[]> => {
  const written = await write(table, changes)
  return changes.map((change, position) => {
    const outcome = written[position] as Written
    if (!outcome.held) return failure(change, outcome, clock)
    const segment = outcome.item && change.slots && headerOf(change.key.partition, outcome.item, clock.now())
    return { applied: true, segment }
  })
}

const claimEach = async (table: TableClient, clock: Clock, claims: readonly Claim[]): Promise<ClaimOutcome[]> => {
  const segments = claims.map(({ segment }) => segment)
  const [written, early] = await Promise.all([
    write(
      table,
      claims.map(({ change }) => change),
    ),
    readBodies(table, segments, false),
  ])
  // An eventually consistent read may miss a body that was only just written.
  const late = segments.filter(
    (segment, position) => segment.bodyItems > 0 && written[position]?.held && !haveArrived(segment, early.bodies),
  )
  const { bodies: rest, error } = await readBodies(table, late, true)
  const bodies = new Map([...early.bodies, ...rest])
  return claims.map(({ change, segment: read }, position): ClaimOutcome => {
    const outcome = written[position] as Written
    if (!outcome.held) return failure(change, outcome, clock)
    const after = applyChange(read, change)
    const segment = outcome.item
      ? headerOf(change.key.partition, outcome.item, clock.now())
      : ((after.applied ? after.segment : undefined) ?? read)
    const found = contentIn(outcome.item, segment, bodies)
    // A failed read is an error: a poll takes content that is missing for never stored, and drops the messages.
    return !found.content && error
      ? { applied: false, segment: undefined, error }
      : { applied: true, segment, ...found }
  })
}

/** Reads bodies. Returns the error of a read that failed, because the claims are made concurrently. */
const readBodies = async (
  table: TableClient,
  segments: readonly Segment[],
  consistent: boolean,
): Promise<{ bodies: Bodies; error?: HoldfastError }> => {
  try {
    return { bodies: await bodiesOf(table, segments, consistent) }
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    return { bodies: new Map(), error }
  }
}

const fenceItem = ({ table }: TableClient, fence: PutWrite, now: number): TransactWriteItem => ({
  Put: { TableName: table, ...putDocument(fence, now) },
})

const claimTogether = async (
  table: TableClient,
  claims: readonly Claim[],
  fence?: TransactWriteItem,
): Promise<readonly ClaimedSegment[] | undefined> => {
  const keys = claims.map(({ segment }) => headerKey(segment.key))
  const segments = claims.map(({ segment }) => segment)
  // Content never changes, so it is read concurrently.
  const [outcome, items, bodies] = await Promise.all([
    table.transact([
      ...claims.map(({ change }) => ({ Update: updateItem(table.table, change) })),
      ...(fence ? [fence] : []),
    ]),
    table.getMany(keys, true),
    bodiesOf(table, segments, true),
  ])
  if (!outcome.applied) return undefined
  const found = new Map(items.map((item) => [item.sk?.S, item]))
  return claims.map(({ change, segment }) => {
    const after = applyChange(segment, change)
    const claimed = (after.applied ? after.segment : undefined) ?? segment
    return { segment: claimed, ...contentIn(found.get(segment.key.sort), segment, bodies) }
  })
}

const updateItem = (TableName: string, change: Change) => {
  const { UpdateExpression = '', ...expression } = expressionFor(change)
  return { TableName, UpdateExpression, ...expression }
}

const failure = (
  change: Change,
  { item, error }: { item: Item | undefined; error?: HoldfastError },
  clock: Clock,
): ChangeFailure => ({
  applied: false,
  segment: item && headerOf(change.key.partition, item, clock.now()),
  ...(error && { error }),
})

const write = async (table: TableClient, changes: readonly Change[]): Promise<Written[]> => {
  const statements = changes.map((change) => (changes.length > 1 ? statementFor(table.table, change) : undefined))
  const batched = statements.filter((statement) => statement !== undefined).length
  // A batch of one statement costs more CPU than the plain request.
  const [together, alone] = await Promise.all([
    batched > 1 ? writeTogether(table, changes, statements) : [],
    Promise.all(
      changes.map((change, position) => (batched > 1 && statements[position] ? undefined : writeAlone(table, change))),
    ),
  ])
  return changes.map((_, position) => (together[position] ?? alone[position]) as Written)
}

/** @param unsure whether an earlier request with the same change had no answer */
const writeAlone = async (table: TableClient, change: Change, unsure = false): Promise<Written> => {
  try {
    const expression = expressionFor(change)
    return await (expression.UpdateExpression ? table.update(expression) : table.delete(expression))
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    return { held: false, item: undefined, error: unsure && error.code === 'Throttled' ? perhapsDone(error) : error }
  }
}

const writeTogether = async (
  table: TableClient,
  changes: readonly Change[],
  statements: readonly (Statement | undefined)[],
): Promise<(Written | undefined)[]> => {
  const positions = [...statements.keys()].filter((position) => statements[position])
  const written = new Array<Written | undefined>(changes.length)
  try {
    const outcomes = await table.batch(positions.map((position) => statements[position] as Statement))
    await Promise.all(
      positions.map(async (position, at) => {
        written[position] = await settle(table, changes[position] as Change, outcomes[at])
      }),
    )
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    for (const position of positions) written[position] = { held: false, item: undefined, error }
  }
  return written
}

/** The outcome of a statement. A change whose statement failed for another reason than its condition is sent again alone, with the SDK's retries. */
const settle = async (table: TableClient, change: Change, outcome: BatchOutcome | undefined): Promise<Written> => {
  // A DELETE statement that returns no item found none, although it succeeds.
  if (outcome && !outcome.Error)
    return { held: change.slots !== undefined || outcome.Item !== undefined, item: outcome.Item }
  if (outcome?.Error?.Code !== 'ConditionalCheckFailed') {
    // Where a statement failed inside DynamoDB, its change may have been made.
    return writeAlone(table, change, outcome?.unsure || !isThrottle(outcome?.Error?.Code))
  }
  table.lost('BatchExecuteStatement', headerKey(change.key))
  if (outcome.Error.Item) return { held: false, item: outcome.Error.Item }
  // Some engines do not return the item that a statement's condition met.
  try {
    return { held: false, item: await table.get(headerKey(change.key), true) }
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    return { held: false, item: undefined, error }
  }
}
