import { type Line, linesIn, objectIn } from '../../../cli/ndjson.ts'
import { messageToImport } from '../../../cli/transfer/exported-message.ts'
import { publishRequest } from '../../../functions/http/publish-requests.ts'
import { UsageError } from '../../../functions/local/usage-error.ts'
import { demand, orRefusal } from '../judge.ts'

/** JSON lines to import: the first byte says how many bytes arrive at a time. */
export const fuzz = async (data: Buffer): Promise<void> => {
  const input = data.subarray(1)
  const chunk = Math.max(1, data[0] ?? 1)
  const lines = (await orRefusal(() => linesOf(chunksOf(input, chunk)), isUsage)) ?? []
  const whole = (await orRefusal(() => linesOf([input]), isUsage)) ?? []
  demand(JSON.stringify(lines) === JSON.stringify(whole), 'lines depend on how the bytes arrive')
  const wanted = input
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '').length
  demand(lines.length === wanted, 'a line got lost', { lines: lines.length, wanted })
  for (const line of lines) {
    const bytes = Buffer.from(line.text)
    demand(!line.isUtf8 || input.includes(bytes), 'a line is another text than the one given', line.text)
    const message = await orRefusal(() => messageToImport(objectIn(line)), isUsage)
    if (message) demand(line.isUtf8, 'a line that is no text was taken for one', line.text)
    if (message)
      await orRefusal(
        () => publishRequest.safeParse({ messages: [message] }),
        () => false,
      )
  }
}

const isUsage = (error: unknown): boolean => error instanceof UsageError

const linesOf = async (chunks: readonly Buffer[]) => {
  const found: Line[] = []
  for await (const lines of linesIn(arriving(chunks))) found.push(...lines)
  return found
}

async function* arriving(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks
}

const chunksOf = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size))

export const dictionary: readonly string[] = [
  '\n',
  '\r\n',
  '{"messageId":"a","publishedAt":"2030-01-01T00:00:00Z","state":"delayed","attributes":{},"priority":0}',
  'bodyBase64',
  'deduplicationId',
  'traceHeader',
  'sequenceNumber',
  'dueAt',
  '__proto__',
]
