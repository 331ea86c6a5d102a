import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { appendFile, rm, stat } from 'node:fs/promises'
import { Option } from 'commander'
import { UsageError } from '../../functions/local/usage-error.ts'
import { jsonOf, type Line, linesIn } from '../ndjson.ts'
import { createProgress, type Progress } from '../output/progress.ts'
import { counted } from '../output/words.ts'
import { fullBatches, isKeyTaken, type Outgoing, publishBatch } from '../publishing.ts'
import type { Session } from '../session.ts'
import { writeProgress } from '../transfer/export-file.ts'
import { messageToImport } from '../transfer/exported-message.ts'
import { changedSince, type Imported, isKeyForgotten, progressOf, readImported } from '../transfer/import-progress.ts'
import { verb } from '../verb.ts'

interface Options {
  readonly input?: string
}

export const importQueue = verb<Options>({
  syntax: 'import <queue>',
  group: 'Whole queues',
  summary: 'publish messages from JSON lines, such as an export',
  details:
    'Lines are messages of an export, or as the HTTP API takes them. Messages are published in the order of the lines, and get new ids. A message that is due later stays due then. What is refused is written to FILE.refused with its reason, so that no line is lost. With --input the import can be interrupted: begun again, it goes on where it was, and a batch that was on its way is not stored twice if that is within nine minutes.',
  options: () => [new Option('-i, --input <file>', 'read this file, resumable; else stdin')],
  examples: [
    ['holdfast import orders -i orders.ndjson', 'from a file, resumable, with a progress bar'],
    ['holdfast export orders --table a | holdfast import orders --table b', 'from one place to another'],
  ],
  run: async (session, [queue = ''], { input }) => {
    const { io, target, signal } = session
    if (input === undefined && io.stdin.isTTY) throw new UsageError('give a file with --input, or pipe JSON lines')
    await target.call('getQueue', { params: { queue }, signal })
    const state = await begin(session, queue, input)
    const progress = createProgress(io, 'importing')
    try {
      await importLines(session, state, progress)
    } catch (error) {
      if (!signal.aborted) {
        session.out.note(progressText(state))
        throw error
      }
    } finally {
      progress.end()
    }
    return report(session, state)
  },
})

interface State {
  imported: Imported
  /** Whether every line was read, and published or refused. */
  complete: boolean
  readonly input: string | undefined
  /** Bytes of the input; 0 where that is not known. */
  readonly size: number
}

const begin = async ({ out, now }: Session, queue: string, input: string | undefined): Promise<State> => {
  const fresh: Imported = { queue, run: randomUUID(), bytes: 0, lines: 0, count: 0, refused: 0 }
  if (input === undefined) return { imported: fresh, complete: false, input, size: 0 }
  const found = await stat(input).catch(() => undefined)
  if (!found?.isFile()) throw new UsageError(`there is no file ${input}`)
  const before = await readImported(input, { queue, size: found.size })
  if (before) out.note(`going on after ${counted(before.count + before.refused, 'line')} of ${input}`)
  if (before && isKeyForgotten(before, now())) {
    out.note('the batch that was on its way then is sent again: up to 25 messages may be stored twice')
  }
  return { imported: before ?? fresh, complete: false, input, size: found.size }
}

/** First the batch that was on its way, alone, then the lines behind it. */
const importLines = async (session: Session, state: State, progress: Progress): Promise<void> => {
  const { input } = state
  const from = (source: AsyncIterable<Buffer>) => importFrom(session, state, progress, source)
  if (input === undefined) {
    state.complete = await from(session.io.stdin as AsyncIterable<Buffer>)
    return
  }
  const { bytes: start, sendingTo } = state.imported
  if (sendingTo !== undefined && !(await from(createReadStream(input, { start, end: sendingTo - 1 })))) return
  state.complete = await from(createReadStream(input, { start: state.imported.bytes }))
}

/** Imports the lines of the source. Returns whether that is all of them: Ctrl-C ends it after the batch that is on its way. */
const importFrom = async (session: Session, state: State, progress: Progress, source: AsyncIterable<Buffer>) => {
  const { signal } = session
  const { bytes, lines } = state.imported
  const leave = () => (source as { destroy?: () => void }).destroy?.()
  signal.addEventListener('abort', leave, { once: true })
  for await (const batch of fullBatches(linesIn(source))) {
    if (signal.aborted) return false
    await importBatch(
      session,
      state,
      batch.map((line) => ({ ...line, number: lines + line.number, end: bytes + line.end })),
    )
    progress.at(state.imported.bytes, state.size)
  }
  return true
}

/** The progress names the batch before it is sent, and its end afterwards: a repeat has the same lines, and so the same key. */
const importBatch = async (session: Session, state: State, lines: readonly Line[]): Promise<void> => {
  const { queue, run, bytes: start } = state.imported
  const { end: bytes, number } = lines.at(-1) as Line
  await save(state, { ...state.imported, sendingSince: session.now(), sendingTo: bytes })
  const outgoing = lines.flatMap(outgoingOf)
  const outcomes =
    outgoing.length > 0
      ? await publishBatch(session.target, queue, outgoing, `${run}-${start}`).catch(unlessChanged(state))
      : []
  const stored = outcomes.filter((outcome) => 'stored' in outcome).length
  for (const line of lines) {
    const outcome = outcomes.find((one) => one.outgoing.line === line)
    if (!outcome) await recordRefusal(session, state, line, line.isUtf8 ? 'it is no JSON object' : 'it is not UTF-8')
    else if ('refusal' in outcome) await recordRefusal(session, state, line, outcome.refusal)
  }
  const { sendingSince: _, sendingTo: __, count, refused, ...rest } = state.imported
  const done = { bytes, lines: number, count: count + stored, refused: refused + lines.length - stored }
  await save(state, { ...rest, ...done })
}

/** The batch's key covers other messages: the lines are no longer those that were on their way. */
const unlessChanged =
  ({ input }: State) =>
  (error: unknown): never => {
    throw input !== undefined && isKeyTaken(error) ? changedSince(input) : error
  }

const outgoingOf = (line: Line): Outgoing[] => {
  const given = line.isUtf8 ? jsonOf(line.text) : undefined
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return []
  return [{ message: messageToImport(given as Record<string, unknown>), line }]
}

const save = async (state: State, imported: Imported): Promise<void> => {
  state.imported = imported
  if (state.input !== undefined) await writeProgress(progressOf(state.input), imported)
}

const recordRefusal = async ({ out }: Session, { input }: State, line: Line, refusal: string): Promise<void> => {
  out.note(`line ${line.number}: refused: ${refusal}`)
  if (input !== undefined)
    await appendFile(`${input}.refused`, `${JSON.stringify({ refusal, line: line.text })}\n`, { mode: 0o600 })
}

const progressText = ({ imported: { queue, count, refused }, input }: State): string => {
  const again = input === undefined ? '' : `; "holdfast import ${queue} -i ${input}" goes on from there`
  return `${counted(count, 'message')} imported into ${queue} before this${refused > 0 ? `, ${refused} refused` : ''}${again}`
}

const report = async ({ out }: Session, state: State): Promise<number | undefined> => {
  const { input, complete } = state
  const { queue, count, refused } = state.imported
  if (out.json) out.record({ imported: count, refused, complete })
  if (!complete) {
    out.note(`interrupted: ${progressText(state)}`)
    return 1
  }
  if (input !== undefined) await rm(progressOf(input), { force: true })
  const where = refused > 0 && input !== undefined ? ` (in ${input}.refused)` : ''
  out.note(`${counted(count, 'message')} imported into ${queue}${refused > 0 ? `, ${refused} refused${where}` : ''}`)
  return refused > 0 ? 1 : undefined
}
