import { UsageError } from '../../functions/local/usage-error.ts'
import type { DeadLetters } from '../dead-letters.ts'
import { counted } from '../output/words.ts'
import type { Session } from '../session.ts'
import type { AnswerOf } from '../target/target.ts'
import { follow } from './task.ts'

type Task = AnswerOf<'getRedrive'>

export interface UndoOptions {
  /** The redrives to undo. @default the latest one */
  readonly taskIds: readonly string[] | undefined
  /** Messages a second. */
  readonly rate: number | undefined
  /** Whether to count alone. */
  readonly dryRun: boolean
}

/** What an undo did, or would do. */
interface Numbers {
  readonly back: number
  readonly received: number
  readonly behind: number
  /** Undefined where not all messages were counted. */
  readonly gone: number | undefined
}

/** Undoes redrives: what no consumer has received goes back. Ctrl-C cancels the running undo, and starts none of the others. */
export const undoRedrives = async (
  session: Session,
  letters: DeadLetters,
  { taskIds, rate, dryRun }: UndoOptions,
): Promise<number | undefined> => {
  const { queue } = letters
  const chosen = taskIds ?? [await latestRedrive(session, letters)]
  if (dryRun) {
    for (const taskId of chosen) await preview(session, { queue, taskId })
    return
  }
  let failed = false
  for (const taskId of chosen) {
    if (session.signal.aborted) return 1
    const body = { maxPerSecond: rate }
    const started = await session.target.call('undoRedrive', { params: { queue, taskId }, body })
    const over = await follow(session, queue, started, { before: 0, total: undefined })
    report(session, queue, over)
    failed ||= over.state !== 'completed'
  }
  return failed ? 1 : undefined
}

/**
 * The latest redrive of these dead letters, and tells which one that is: of a source it is not one of the whole dead-letter queue, which
 * may be later. One that found nothing to move is passed over where another one moved messages.
 */
const latestRedrive = async ({ target, out }: Session, { queue, source }: DeadLetters): Promise<string> => {
  const { redrives } = await target.call('listRedrives', { params: { queue } })
  const own = redrives.filter(
    ({ undoes, filter }) => undoes === undefined && (source === undefined || filter?.sourceQueue === source),
  )
  const latest = own.find(({ state, moved }) => state !== 'completed' || moved > 0) ?? own[0]
  if (latest) {
    out.note(
      `the latest redrive of ${source ?? queue} began at ${latest.startedAt} and moved ${counted(latest.moved, 'message')}`,
    )
    return latest.taskId
  }
  throw new UsageError(`there is no redrive of ${source ?? queue} among the last ten of ${queue}: give its id`)
}

const preview = async ({ target, out }: Session, params: { queue: string; taskId: string }): Promise<void> => {
  const found = await target.call('previewUndo', { params })
  if (out.json) out.record(found)
  const { returning: back, received, behind, gone, complete, queues } = found
  const of = queues.length === 0 ? '' : ` from ${queues.join(', ')}`
  const least = complete ? '' : 'at least '
  out.note(
    `${least}${counted(back, 'message')} would go back to ${params.queue}${of}${rest({ back, received, behind, gone })}; nothing was moved`,
  )
}

const report = ({ out }: Session, queue: string, task: Task): void => {
  if (out.json) out.record(task)
  const { moved: back, received = 0, behind = 0, gone, state, failure } = task
  const why = state === 'completed' ? '' : failure === undefined ? 'interrupted: ' : `failed: ${failure}: `
  out.note(`${why}${counted(back, 'message')} went back to ${queue}${rest({ back, received, behind, gone })}`)
}

/** What became of the other messages. */
const rest = ({ received, behind, gone = 0 }: Numbers): string =>
  [
    received > 0 && `${received} received since ${received === 1 ? 'stays' : 'stay'}`,
    behind > 0 && `${behind} behind those in their group ${behind === 1 ? 'stays' : 'stay'}`,
    gone > 0 && `${gone} ${gone === 1 ? 'is' : 'are'} gone`,
  ]
    .filter((words) => words !== false)
    .map((words) => `; ${words}`)
    .join('')
