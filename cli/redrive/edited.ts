import { isHoldfastError } from '../../lib/model/errors.ts'
import type { MessageJson } from '../browse.ts'
import type { Edit, Edits } from '../expressions/edit.ts'
import { createProgress } from '../output/progress.ts'
import { counted } from '../output/words.ts'
import type { Session } from '../session.ts'

export interface EditedOptions {
  readonly edit: Edit
  /** Messages a second. */
  readonly rate: number | undefined
  /** Whether each send waits for the one before, as on FIFO queues. */
  readonly inOrder: boolean
}

/** Messages that are sent at the same time. */
const AT_ONCE = 8

interface Report {
  moved: number
  failed: number
  /** The next message to send. */
  next: number
}

/**
 * Redrives dead letters, each with its edit. One write moves a message, so that it is in exactly one of the two queues whenever this
 * process ends. A message that an earlier run moved is no longer in the dead-letter queue, and is not chosen again.
 */
export const redriveEdited = async (
  session: Session,
  chosen: readonly MessageJson[],
  { edit, rate, inOrder }: EditedOptions,
): Promise<number | undefined> => {
  const { io, signal, out } = session
  const edits = edit(chosen)
  const report: Report = { moved: 0, failed: 0, next: 0 }
  const progress = createProgress(io, 'moving')
  const pace = paced(session, rate)
  const work = async () => {
    while (report.next < chosen.length && !signal.aborted) {
      const position = report.next++
      await pace(position)
      if (signal.aborted) {
        report.next--
        return
      }
      await resendOne(session, chosen[position] as MessageJson, edits[position] as Edits, report)
      progress.at(report.moved + report.failed, chosen.length)
    }
  }
  try {
    await Promise.all(Array.from({ length: inOrder ? 1 : AT_ONCE }, work))
  } finally {
    progress.end()
  }
  const { moved, failed } = report
  const left = chosen.length - moved - failed
  if (out.json) out.record({ moved, failed, left })
  const untried = left > 0 ? `; interrupted: ${left} were not tried, and are still there` : ''
  out.note(
    `${moved} of ${counted(chosen.length, 'selected message')} moved${failed > 0 ? `, ${failed} not` : ''}${untried}`,
  )
  return failed + left > 0 ? 1 : undefined
}

const resendOne = async (
  { target, out }: Session,
  { messageId, deadLetter }: MessageJson,
  edits: Edits | { readonly error: string },
  report: Report,
): Promise<void> => {
  const failure = (reason: string) => {
    report.failed++
    out.note(`${messageId}: not moved: ${reason}`)
  }
  if ('error' in edits) return failure(String(edits.error))
  if (!deadLetter) return failure('it never failed in a queue')
  try {
    await target.call('resendMessage', { params: { queue: deadLetter.queue, messageId }, body: edits })
    report.moved++
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    failure(error.message)
  }
}

/** Delays each message until the instant that the rate gives its position. */
const paced = ({ sleep, now }: Session, rate: number | undefined): ((position: number) => Promise<void>) => {
  const startedAt = now()
  return async (position) => {
    if (rate === undefined) return
    const waitMs = startedAt + (position * 1_000) / rate - now()
    if (waitMs > 0) await sleep(waitMs).catch(() => {})
  }
}
