import { Option } from 'commander'
import { pages } from '../browse.ts'
import { createProgress } from '../output/progress.ts'
import { counted } from '../output/words.ts'
import type { Session } from '../session.ts'
import { type ExportFile, openExportFile } from '../transfer/export-file.ts'
import { verb } from '../verb.ts'

interface Options {
  readonly output?: string
}

export const exportQueue = verb<Options>({
  syntax: 'export <queue>',
  group: 'Whole queues',
  summary: 'write all messages of a queue as JSON lines, without receiving them',
  details:
    'The export has every message that is in the queue from the beginning of the export to its end. A message that consumers ack or move meanwhile may be in it. With --output the export can be interrupted: begun again with the same file, it goes on where it was.',
  options: () => [new Option('-o, --output <file>', 'write to this file, and go on with it if it is not complete')],
  examples: [
    ['holdfast export orders > orders.ndjson', 'to stdout'],
    ['holdfast export orders -o orders.ndjson', 'to a file, resumable, with a progress bar'],
    ['holdfast export orders | gzip > orders.ndjson.gz', 'packed'],
  ],
  run: async (session, [queue = ''], { output }) => {
    const found = await session.target.call('getQueue', { params: { queue }, signal: session.signal })
    const { ready = 0, leased = 0, delayed = 0 } = found.counts ?? {}
    const file = output === undefined ? undefined : await openExportFile(output, queue)
    if (file && file.count > 0) session.out.note(`going on after ${counted(file.count, 'message')} in ${output}`)
    const sink = file ?? (await toStdout(session))
    const before = file?.count ?? 0
    const progress = createProgress(session.io, 'exporting')
    let whole = false
    try {
      for await (const page of pages(session, { queue, cursor: file?.cursor })) {
        await sink.append(page.messages, page.cursor)
        progress.at(sink.count, ready + leased + delayed)
      }
      await sink.complete()
      whole = true
    } catch (error) {
      if (!session.signal.aborted) throw error
    } finally {
      progress.end()
      await sink.close()
    }
    return report(session, sink, { queue, output, before, whole })
  },
})

type Sink = Pick<ExportFile, 'count' | 'append' | 'complete' | 'close'>

/** Waits for the reader of stdout, so that memory never holds a whole queue. */
const toStdout = async ({ out }: Session): Promise<Sink> => {
  let count = 0
  return {
    get count() {
      return count
    },
    append: async (messages) => {
      for (const message of messages) out.record(message)
      count += messages.length
      await out.flushed()
    },
    complete: async () => {},
    close: async () => {},
  }
}

interface Ending {
  readonly queue: string
  readonly output: string | undefined
  /** Messages of an earlier run. */
  readonly before: number
  /** Whether all pages are written: Ctrl-C at the last one interrupts nothing. */
  readonly whole: boolean
}

const report = ({ out }: Session, { count }: Sink, { queue, output, before, whole }: Ending): number | undefined => {
  const where = output === undefined ? '' : ` to ${output}`
  if (whole) {
    out.note(`${counted(count, 'message')} of ${queue} exported${where}`)
    return
  }
  const again = output === undefined ? '' : `; "holdfast export ${queue} -o ${output}" goes on from there`
  out.note(`interrupted: ${counted(count - before, 'message')} of ${queue} exported${where}${again}`)
  return 1
}
