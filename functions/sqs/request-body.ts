import { SqsError } from './errors.ts'

/** A batch of 1 MiB, every character of it escaped, and room for what is around it. */
const MOST_BYTES = 8 * 1_048_576

/** @throws `RequestEntityTooLarge` for a length that is too much, before any of it is read */
export const checkLength = (contentLength: string | undefined): void => {
  if (Number(contentLength ?? 0) > MOST_BYTES) throw tooLarge()
}

/** Chunks of a body as they come in. */
export interface BodyChunks {
  /** @throws `RequestEntityTooLarge` when they are too much together */
  add(chunk: Uint8Array): void
  whole(): Buffer
}

export const bodyChunks = (): BodyChunks => {
  const chunks: Uint8Array[] = []
  let length = 0
  return {
    add: (chunk) => {
      length += chunk.byteLength
      if (length > MOST_BYTES) throw tooLarge()
      chunks.push(chunk)
    },
    whole: () => {
      const [only] = chunks
      return chunks.length === 1 && Buffer.isBuffer(only) ? only : Buffer.concat(chunks, length)
    },
  }
}

const tooLarge = (): SqsError =>
  new SqsError(
    'RequestEntityTooLarge',
    `The request is larger than ${MOST_BYTES} bytes: send fewer or smaller messages in one request.`,
  )
