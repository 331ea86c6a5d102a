import { SqsError } from './errors.ts'

/** Room for a batch of 1 MiB with every character escaped. */
const MAX_BYTES = 8 * 1_048_576

/** Checks a stated length before the body is read. @throws `RequestEntityTooLarge` */
export const checkLength = (contentLength: string | undefined): void => {
  if (Number(contentLength ?? 0) > MAX_BYTES) throw tooLarge()
}

/** Collects the chunks of a body. */
export interface BodyChunks {
  /** @throws `RequestEntityTooLarge` when the chunks together are too large */
  add(chunk: Uint8Array): void
  whole(): Buffer
}

export const bodyChunks = (): BodyChunks => {
  const chunks: Uint8Array[] = []
  let length = 0
  return {
    add: (chunk) => {
      length += chunk.byteLength
      if (length > MAX_BYTES) throw tooLarge()
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
    `The request is larger than ${MAX_BYTES} bytes: send fewer or smaller messages in one request.`,
  )
