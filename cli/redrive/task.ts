import type { DeadLetters } from '../dead-letters.ts'
import { createProgress } from '../output/progress.ts'
import { counted } from '../output/words.ts'
import type { Session } from '../session.ts'
import type { AnswerOf } from '../target/target.ts'

type Task = AnswerOf<'getRedrive'>

export interface TaskOptions {
  /** Messages a second. */
  readonly rate?: number | undefined
  /** The queue that all messages go to. @default the one that each failed in */
  readonly to?: string | undefined
  /** The messages to move. @default all */
  readonly messageIds?: readonly string[]
}

/** Maximum number of ids in one task. */
const IDS = 1_000
const CHECK_EVERY_MS = 500

/** Starts tasks that move dead letters, and follows them to the end. Ctrl-C cancels the running task and reports its last count. */
export const redriveByTask = async (
  session: Session,
  { queue, source }: DeadLetters,
  { rate, to, messageIds }: TaskOptions,
): Promise<number | undefined> => {
  const parts = messageIds ? partsOf(messageIds) : [undefined]
  const tasks: Task[] = []
  for (const ids of parts) {
    if (session.signal.aborted) break
    const filter = { ...(source !== undefined && { sourceQueue: source }), ...(ids && { messageIds: ids }) }
    const body = { destination: to, maxPerSecond: rate, ...(Object.keys(filter).length > 0 && { filter }) }
    const started = await session.target.call('startRedrive', { params: { queue }, body })
    const before = movedBy(tasks)
    tasks.push(await follow(session, queue, started, { before, total: messageIds?.length }))
    if (tasks.at(-1)?.state !== 'completed') break
  }
  const whole = tasks.length === parts.length && tasks.at(-1)?.state === 'completed'
  return report(session, queue, tasks, { total: messageIds?.length, whole })
}

const partsOf = (ids: readonly string[]): (readonly string[])[] =>
  Array.from({ length: Math.ceil(ids.length / IDS) }, (_, part) => ids.slice(part * IDS, (part + 1) * IDS))

const movedBy = (tasks: readonly Task[]): number => tasks.reduce((sum, { moved }) => sum + moved, 0)

/** Follows a task until it is over. Ctrl-C cancels the task. */
export const follow = async (
  session: Session,
  queue: string,
  started: Task,
  { before, total }: { readonly before: number; readonly total: number | undefined },
): Promise<Task> => {
  const progress = createProgress(session.io, 'moving')
  const params = { queue, taskId: started.taskId }
  let task = started
  let cancelled = false
  try {
    while (task.state === 'running' || task.state === 'cancelling') {
      progress.at(before + task.moved, total ?? task.toMove)
      if (session.signal.aborted && !cancelled) {
        cancelled = true
        task = await stop(session, params)
        continue
      }
      // Once the task is cancelled, Ctrl-C no longer ends the wait: the runner still has to write its last count.
      await session.sleep(CHECK_EVERY_MS).catch(() => pause(CHECK_EVERY_MS))
      task = await session.target.call('getRedrive', { params })
    }
    return task
  } finally {
    progress.end()
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Cancels a task. A task that has just ended can't be cancelled, and is returned as it ended. */
const stop = async ({ target, out }: Session, params: { queue: string; taskId: string }): Promise<Task> => {
  out.note('stopping …')
  return target.call('cancelRedrive', { params }).catch(() => target.call('getRedrive', { params }))
}

interface Ending {
  /** Messages that were selected; undefined where all are meant. */
  readonly total: number | undefined
  /** Whether all tasks are complete: Ctrl-C at the end of the last one interrupts nothing. */
  readonly whole: boolean
}

const report = (
  { out, target }: Session,
  queue: string,
  tasks: readonly Task[],
  { total, whole }: Ending,
): number | undefined => {
  if (out.json) for (const task of tasks) out.record(task)
  const moved = movedBy(tasks)
  const last = tasks.at(-1)
  const of = total === undefined ? '' : ` of ${counted(total, 'selected message')}`
  const words = total === undefined ? counted(moved, 'message') : `${moved}${of}`
  const why = last?.failure === undefined ? 'interrupted' : `failed: ${last.failure}`
  out.note(
    whole
      ? `${words} moved out of ${queue}`
      : `${why}: ${words} moved out of ${queue} and stay moved; the others are still there`,
  )
  const ids = tasks.flatMap((task) => (task.moved > 0 ? [task.taskId] : []))
  const options = target.options === '' ? '' : ` ${target.options}`
  if (ids.length > 0) out.note(`To undo it: holdfast redrive ${queue}${options} --undo ${ids.join(' ')}`)
  return whole ? undefined : 1
}

/** Stops the running redrive or undo of a dead-letter queue, even if another process started it. */
export const cancelRunning = async (session: Session, queue: string): Promise<number | undefined> => {
  const { target, out } = session
  const { redrives } = await target.call('listRedrives', { params: { queue } })
  const running = redrives.find(({ state }) => state === 'running' || state === 'cancelling')
  if (!running) {
    out.note(`no redrive of ${queue} runs`)
    return 1
  }
  const { taskId } = running
  if (running.state === 'running') await target.call('cancelRedrive', { params: { queue, taskId } })
  const over = await follow(session, queue, await target.call('getRedrive', { params: { queue, taskId } }), {
    before: 0,
    total: undefined,
  })
  if (out.json) out.record(over)
  const what = over.undoes === undefined ? 'redrive' : 'undo of a redrive'
  out.note(`the ${what} of ${queue} is ${over.state}: ${counted(over.moved, 'message')} moved`)
  return
}
