import { SqsError } from './errors.ts'

/** A batch of 1 MiB, every character of it escaped, and room for what is around it. */
const MOST_BYTES = 8 * 1_048_576
const NOTHING = new Uint8Array()

export interface RequestBody {
  readonly text: string
  /** As received, for its signature; empty unless asked for. */
  readonly bytes: Uint8Array
}

/** @throws `RequestEntityTooLarge` before more than the limit is held in memory */
export const readBody = async (request: Request, needsBytes: boolean): Promise<RequestBody> => {
  if (request.method === 'GET' || request.method === 'HEAD') return { text: '', bytes: NOTHING }
  const length = request.headers.get('content-length')
  if (length === null) return ofBytes(request.body ? await readAtMost(request.body, MOST_BYTES) : Buffer.alloc(0))
  // No more than the stated length comes through: HTTP servers see to it. Looking at `body` would cost as much again.
  if (Number(length) > MOST_BYTES) throw tooLarge()
  return needsBytes ? ofBytes(Buffer.from(await request.arrayBuffer())) : { text: await request.text(), bytes: NOTHING }
}

const ofBytes = (bytes: Buffer): RequestBody => ({ text: bytes.toString('utf8'), bytes })

const readAtMost = async (stream: ReadableStream<Uint8Array>, most: number): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of stream) {
    length += chunk.byteLength
    if (length > most) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const tooLarge = (): SqsError =>
  new SqsError('RequestEntityTooLarge', `The request is larger than ${MOST_BYTES} bytes.`)
