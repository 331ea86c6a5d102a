import { LIMITS } from './limits.ts'

/** Splits messages into batches that one publish takes, by number and by bytes, in their order. A larger one is alone. */
export function* publishBatches<T>(
  messages: readonly T[],
  bytesOf: (message: T) => number,
  maxBytes: number,
): Generator<T[]> {
  let batch: T[] = []
  let bytes = 0
  for (const one of messages) {
    const size = bytesOf(one)
    if (batch.length === LIMITS.batchSize || (batch.length > 0 && bytes + size > maxBytes)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(one)
    bytes += size
  }
  if (batch.length > 0) yield batch
}
