import type { Engine } from '../engine.ts'
import { HoldfastError } from '../model/errors.ts'
import { plainName } from '../model/queue-name.ts'
import type { QueueState } from '../model/queue-record.ts'
import { withStoredState } from '../results/store-results.ts'
import { isRecordable, refusedResult, resultWrites } from '../results/write-results.ts'
import type { DocumentKey } from '../store/port.ts'
import type { Part, ReadState } from './part.ts'
import type { AckedSegment, AckRequest } from './request.ts'

/**
 * The writes of result items for the acked messages of a segment, on a queue that keeps results. They are part of the transaction
 * that removes the messages. A result that an earlier ack under the same claim stored stays.
 *
 * reads: as an ack does, the header of a message that was received long ago and the segment of one that failed
 */
export const resultParts = async (
  engine: Engine,
  { queue, key, held }: AckedSegment,
  acks: readonly AckRequest[],
  found: ReadState,
  now: number,
): Promise<Part[]> => {
  if (!queue.settings.results) return []
  const works = held.flatMap(({ handle, position }) => {
    const { outcome = { kind: 'done' } as const } = acks[position] as AckRequest
    return isRecordable(queue, handle, now) ? [{ handle, outcome, position }] : []
  })
  if (works.length === 0) return []
  // The transaction removes a message only if it is held under its handle, whatever a read before showed.
  const { held: recorded, lost } = await withStoredState(engine, queue, key, works, now)
  return resultWrites(queue, key, [...recorded, ...lost], now)
    .filter(({ write }) => !found.storedResults.has(itemName(write.key)))
    .map(({ write }) => ({ write, origin: { kind: 'result', queue: queue.name } }))
}

export const itemName = ({ partition, sort }: DocumentKey): string => `${partition} ${sort}`

/**
 * @throws `InvalidRequest` for a result on a queue that keeps none, or with a number that JSON can't carry, `MessageTooLarge` for one that is too large
 */
export const checkOutcomes = (acks: readonly AckRequest[], queues: ReadonlyMap<string, QueueState>): void => {
  for (const { queue: name, outcome } of acks) {
    if (!outcome) continue
    const queue = queues.get(name) as QueueState
    if (!queue.settings.results) {
      const field = outcome.kind === 'failed' ? 'failure' : 'result'
      const message = `queue ${plainName(name)} keeps no results: set its results.retentionSeconds, or ack without one`
      throw new HoldfastError('InvalidRequest', message, { field, queue: name })
    }
    const refused =
      outcome.kind === 'done' && outcome.result !== undefined ? refusedResult(queue, outcome.result) : undefined
    if (refused) throw refused
  }
}
