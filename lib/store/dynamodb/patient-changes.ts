import type { Change } from '../../model/segment-change.ts'
import type { ChangeOutcome } from '../port.ts'

export interface PatienceParts {
  change(changes: readonly Change[]): Promise<ChangeOutcome[]>
  sleep(ms: number): Promise<unknown>
  /** Uniform in [0, 1). */
  fraction(): number
}

/** The longest wait before each further try, ms: a second and a half together. */
export const WAITS_MS = [50, 100, 200, 400, 800]

/**
 * Makes changes, and repeats those that DynamoDB throttled. A publish that is throttled goes to another shard, but an ack or an
 * extension can't: its segment is where it is. So it waits until the partition has capacity again.
 *
 * It also waits when the whole table is throttled. A failed ack has its message received and worked on again, which costs the table more
 * than five more tries do, and the tries are spread over a second and a half.
 *
 * Outcomes are those of the last try of each change.
 */
export const changePatiently = async (
  changes: readonly Change[],
  { change, sleep, fraction }: PatienceParts,
): Promise<ChangeOutcome[]> => {
  const outcomes = await change(changes)
  for (const waitMs of WAITS_MS) {
    const positions = [...outcomes.keys()].filter((position) => isThrottled(outcomes[position]))
    if (positions.length === 0) break
    await sleep(waitMs * (0.5 + fraction() / 2))
    const again = await change(positions.map((position) => changes[position] as Change))
    for (const [index, position] of positions.entries()) outcomes[position] = again[index] as ChangeOutcome
  }
  return outcomes
}

/** A conflict with a transaction is repeated where it is met. */
const isThrottled = (outcome: ChangeOutcome | undefined): boolean =>
  outcome?.applied === false && outcome.error?.code === 'Throttled' && outcome.error.fields.reason !== 'contention'
