import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { createOutput } from '../../../cli/output/output.ts'
import { inProcessTarget } from '../../../cli/target/in-process-target.ts'
import type { Target } from '../../../cli/target/target.ts'
import { progressOf } from '../../../cli/transfer/import-progress.ts'
import { importQueue } from '../../../cli/verbs/import.ts'
import { UsageError } from '../../../functions/local/usage-error.ts'
import type { Engine } from '../../../lib/engine.ts'
import { HoldfastError } from '../../../lib/model/errors.ts'
import { counts } from '../../../lib/queues/counts.ts'
import { demand, orRefusal } from '../judge.ts'
import { engineWithQueues } from '../queues-world.ts'
import { expanded } from '../repeated.ts'

const FILE_BYTES = 1_048_576
const SEPARATOR = '\n---\n'

/**
 * The progress of an import, its file, and lines that the file gets later, with `---` in between. The import breaks off at one of its
 * publishes, before or after the publish is done, and goes on once the file has grown. The first byte says where.
 */
export const fuzz = async (data: Buffer): Promise<void> => {
  const [first = 0] = data
  const text = expanded(data.subarray(1).toString('latin1'), FILE_BYTES)
  const [progress = '', given = '', grown = ''] = text.split(SEPARATOR)
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-fuzz-'))
  const input = join(directory, 'orders.ndjson')
  try {
    writeFileSync(input, given, 'latin1')
    writeFileSync(progressOf(input), progress, 'latin1')
    const engine = await engineWithQueues()
    const target = inProcessTarget({ engine, name: 'memory', options: '' })
    const result = await importOnce(engine, input, breaking(target, first >> 1, first % 2 === 1))
    if (result === 'refused') return await checkUnchanged(engine, input, progress)
    if (result !== 'broken off') return await checkComplete(engine, input, { progress, result })
    appendFileSync(input, `\n${grown}`, 'latin1')
    const last = await importOnce(engine, input, target)
    if (typeof last !== 'string') return await checkComplete(engine, input, { progress, result: last })
    demand(hasHugeCounts(progress), 'an import that broke off does not go on', last)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const BROKEN = new HoldfastError('StoreUnavailable', 'the connection broke off')

/** A target whose publish breaks off, this many after the first. */
const breaking = (target: Target, at: number, afterwards: boolean): Target => {
  let publishes = 0
  return {
    ...target,
    call: async (operation, parts) => {
      const breaks = operation === 'publishMessages' && publishes++ === at
      if (breaks && !afterwards) throw BROKEN
      const answer = await target.call(operation, parts)
      if (breaks) throw BROKEN
      return answer
    },
  }
}

interface Report {
  readonly imported: number
  readonly refused: number
  readonly complete: boolean
}

const importOnce = async (
  engine: Engine,
  input: string,
  target: Target,
): Promise<Report | 'refused' | 'broken off'> => {
  const printed: string[] = []
  const [stdout, stderr] = [sink((text) => printed.push(text)), sink(() => {})]
  const leaving = { onInterrupt: () => () => {}, leave: () => {} }
  const io = { stdin: Readable.from([]), stdout, stderr, env: {}, cwd: '/nowhere', ...leaving }
  const out = createOutput(io, { json: true, readerGone: () => {} })
  const { signal } = new AbortController()
  const session = { target, out, signal, io, yes: false, now: engine.clock.now, sleep: async () => {} }
  let error: unknown
  await orRefusal(
    () => importQueue.run(session, ['orders'], { input }),
    (thrown) => {
      error = thrown
      return thrown === BROKEN || thrown instanceof UsageError
    },
  )
  await out.flushed()
  if (error !== undefined) return error === BROKEN ? 'broken off' : 'refused'
  return JSON.parse(printed.join('')) as Report
}

const sink = (take: (text: string) => void): Writable =>
  new Writable({
    write: (chunk, _, done) => {
      take(String(chunk))
      done()
    },
  })

const storedIn = async (engine: Engine): Promise<number> => {
  const { ready, leased, delayed } = await counts(engine, 'orders')
  return ready + leased + delayed
}

const checkUnchanged = async (engine: Engine, input: string, progress: string): Promise<void> => {
  demand((await storedIn(engine)) === 0, 'an import that is refused publishes')
  demand(readFileSync(progressOf(input), 'latin1') === progress, 'a progress that is refused changes')
}

/** Each line behind the progress was published once or refused. */
const checkComplete = async (
  engine: Engine,
  input: string,
  { progress, result }: { readonly progress: string; readonly result: Report },
): Promise<void> => {
  if (hasHugeCounts(progress)) return
  const before = JSON.parse(progress) as { bytes: number; count: number; refused: number }
  const rest = readFileSync(input).subarray(before.bytes).toString()
  const lines = rest.split('\n').filter((line) => line.trim() !== '')
  const [imported, refused] = [result.imported - before.count, result.refused - before.refused]
  const stored = await storedIn(engine)
  demand(result.complete && imported + refused === lines.length, 'lines are missing', { lines: lines.length, result })
  const mayBeDuplicates = /dedup|\\u/i.test(rest)
  demand(mayBeDuplicates ? stored <= imported : stored === imported, 'messages are missing or there twice', stored)
  demand(!existsSync(progressOf(input)), 'the progress of a complete import is left')
}

/** No file has so many lines: sums with these counts are not exact. */
const hasHugeCounts = (progress: string): boolean => /\d{15}|\de/i.test(progress.replace(/"run":"[^"]*"/, ''))

const RUN = '"run":"019ca945-0a00-4000-801b-ff0fd396070b"'

export const dictionary: readonly string[] = [
  `{"queue":"orders",${RUN},"bytes":0,"lines":0,"count":0,"refused":0}`,
  `{"queue":"orders",${RUN},"bytes":11,"lines":1,"count":1,"refused":0,"sendingSince":1,"sendingTo":22}`,
  SEPARATOR,
  '{"body":1}\n',
  '{"body":1,"deduplicationId":"a"}\n',
  '{"body":1,"priority":9}\n',
  '{"messageId":"a","publishedAt":"b","state":"ready","body":1}\n',
  '@30*{"body":1}\n@',
  '"sendingSince":',
  '"sendingTo":',
  'null',
]
