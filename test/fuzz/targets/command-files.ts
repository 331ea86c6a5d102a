import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { findLocalServer } from '../../../cli/target/local-server.ts'
import { openExportFile } from '../../../cli/transfer/export-file.ts'
import { readAddress, writeAddress } from '../../../functions/local/address-file.ts'
import { UsageError } from '../../../functions/local/usage-error.ts'
import { type IssuedKey, parseKeys } from '../../../functions/sqs/keys.ts'
import { demand, orRefusal } from '../judge.ts'
import { expanded } from '../repeated.ts'

const FILE_BYTES = 1_048_576

/**
 * A file that the command or the local server finds, whatever wrote it: the first byte says which, and the rest is the file.
 * `@5000*ab@` in it is `ab` 5,000 times.
 */
export const fuzz = async (data: Buffer): Promise<void> => {
  const read = FILES[(data[0] ?? 0) % FILES.length] as (typeof FILES)[number]
  const text = expanded(data.subarray(1).toString('latin1'), FILE_BYTES)
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-fuzz-'))
  try {
    await read(Buffer.from(text, 'latin1'), directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const never = () => false
const isUsage = (error: unknown) => error instanceof UsageError

/** `.holdfast/address.json`: nobody is reached by it but a server of this machine. */
const address = async (bytes: Buffer, directory: string): Promise<void> => {
  const data = join(directory, '.holdfast')
  mkdirSync(data)
  writeFileSync(join(data, 'address.json'), bytes)
  const found = await orRefusal(() => readAddress(data), never)
  if (found) {
    const isTyped = URL.canParse(found.url) && Number.isSafeInteger(found.pid) && typeof found.httpOpen === 'boolean'
    demand(isTyped, 'an address is none', found)
    await writeAddress(data, found)
    demand(isDeepStrictEqual(await readAddress(data), found), 'an address changes when it is written', found)
  }
  const asked: string[] = []
  const answers = async (url: string) => asked.push(url) < 0
  await orRefusal(() => findLocalServer(directory, answers), never)
  for (const url of asked) demand(/^http:\/\//i.test(url.trim()), 'something else than HTTP is asked', url)
}

/** An export goes on from its progress, or says why not, and keeps what the progress covers. */
const progress = async (bytes: Buffer, directory: string): Promise<void> => {
  const path = join(directory, 'export.ndjson')
  const before = '{"body":1}\n{"body":2}\n'
  writeFileSync(path, before)
  writeFileSync(`${path}.progress`, bytes)
  const file = await orRefusal(() => openExportFile(path, 'orders'), isUsage)
  if (!file) return
  try {
    demand(Number.isSafeInteger(file.count) && file.count >= 0, 'a count is none', file.count)
    demand(file.cursor === undefined || typeof file.cursor === 'string', 'a cursor is no text', file.cursor)
    await orRefusal(() => file.append([], 'next'), never)
  } finally {
    await file.close()
  }
}

/** Access keys: what is read can be written and read again, and a refusal quotes no secret. */
const keys = async (bytes: Buffer): Promise<void> => {
  const text = bytes.toString()
  const found = await orRefusal(
    () => parseKeys(text),
    (error) => error instanceof Error && error.constructor === Error && !quotesSecret(error.message, text),
  )
  if (found) demand(isDeepStrictEqual(parseKeys(written(found)), found), 'keys change when they are written', text)
}

const written = (found: ReadonlyMap<string, IssuedKey>): string => JSON.stringify({ keys: [...found.values()] })

const SECRET = /"secretAccessKey"\s*:\s*"([^"\\]{8,})"/g
const quotesSecret = (message: string, text: string): boolean =>
  [...text.matchAll(SECRET)].some(([, secret = '']) => message.includes(secret) && !/^[\w.[\]-]+$/.test(secret))

const FILES = [address, progress, keys]

export const dictionary: readonly string[] = [
  '{"url":"http://127.0.0.1:9324","pid":1,"httpOpen":true}',
  '{"queue":"orders","count":1,"bytes":11,"cursor":"c"}',
  '{"keys":[{"accessKeyId":"abc","secretAccessKey":"0123456789abcdef!","accountId":"000000000000"}]}',
  '"permissions":[{"actions":["sqs:*"],"queues":["*"]}]',
  '\xef\xbb\xbf',
  'http://example.com',
  '"__proto__":',
  'null',
  '1e400',
  '-1',
  '@100000*[@',
]
