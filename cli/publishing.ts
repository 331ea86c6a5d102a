import { isHoldfastError, isRefusal } from '../lib/model/errors.ts'
import { LIMITS } from '../lib/model/limits.ts'
import { publishBatches } from '../lib/model/publish-batches.ts'
import type { Line } from './ndjson.ts'
import type { AnswerOf, Target } from './target/target.ts'

/** A message to publish, and where it comes from. */
export interface Outgoing {
  readonly message: Readonly<Record<string, unknown>>
  /** Its line in the input. */
  readonly line: Line
}

type Answered = AnswerOf<'publishMessages'>['messages'][number]
type Published = Extract<Answered, { readonly ok: true }>

/** What became of a message: stored, or why not. */
export type Outcome =
  | { readonly outgoing: Outgoing; readonly stored: Published }
  | { readonly outgoing: Outgoing; readonly refusal: string }

/** Bytes of a batch's JSON: below the largest request, and below what one publish takes. */
const BATCH_BYTES = 4_000_000

/**
 * Yields lines in the largest batches that one publish takes. The same position in the same input always begins the same batch, in
 * whatever pieces the input arrives.
 */
export async function* fullBatches(input: AsyncIterable<readonly Line[]>): AsyncGenerator<readonly Line[]> {
  let batch: Line[] = []
  let bytes = 0
  for await (const lines of input) {
    for (const line of lines) {
      const size = Buffer.byteLength(line.text)
      if (batch.length === LIMITS.batchSize || (batch.length > 0 && bytes + size > BATCH_BYTES)) {
        yield batch
        batch = []
        bytes = 0
      }
      batch.push(line)
      bytes += size
    }
  }
  if (batch.length > 0) yield batch
}

/** Messages in batches of what one publish takes, in their order. */
export const batchesOf = (outgoing: readonly Outgoing[]): Iterable<Outgoing[]> =>
  publishBatches(outgoing, ({ line }) => Buffer.byteLength(line.text), BATCH_BYTES)

/**
 * Publishes a batch. A batch that is refused for one of its messages is published one by one, so that the others are stored.
 *
 * @param idempotencyKey a repeat under this key within ten minutes stores nothing more
 * @throws where it is not known what was stored, where nothing can be stored, or where other messages were stored under the key
 */
export const publishBatch = async (
  target: Target,
  queue: string,
  batch: readonly Outgoing[],
  idempotencyKey?: string,
): Promise<readonly Outcome[]> => {
  try {
    const body = { messages: batch.map(({ message }) => message) }
    const key = idempotencyKey === undefined ? {} : { idempotencyKey }
    const { messages } = await target.call('publishMessages', { params: { queue }, body, ...key })
    return batch.map((outgoing, position) => outcomeOf(outgoing, messages[position] as Answered))
  } catch (error) {
    if (!isHoldfastError(error) || !isRefusal(error) || isKeyTaken(error)) throw error
    if (batch.length === 1) return [{ outgoing: batch[0] as Outgoing, refusal: error.message }]
  }
  const outcomes: Outcome[] = []
  for (const [position, one] of batch.entries()) {
    const key = idempotencyKey === undefined ? undefined : `${idempotencyKey}-${position}`
    outcomes.push(...(await publishBatch(target, queue, [one], key)))
  }
  return outcomes
}

/** Other messages were stored under the key: these may be among them. */
export const isKeyTaken = (error: unknown): boolean =>
  isHoldfastError(error, 'InvalidRequest') && error.fields.field === 'Idempotency-Key'

const outcomeOf = (outgoing: Outgoing, answer: Answered): Outcome =>
  answer.ok ? { outgoing, stored: answer } : { outgoing, refusal: answer.error.detail }
