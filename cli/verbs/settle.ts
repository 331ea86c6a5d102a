import { Option } from 'commander'
import { UsageError } from '../../functions/local/usage-error.ts'
import { LIMITS } from '../../lib/model/limits.ts'
import { jsonOf, linesIn } from '../ndjson.ts'
import { durationOption } from '../options.ts'
import { counted } from '../output/words.ts'
import type { Session } from '../session.ts'
import type { AnswerOf } from '../target/target.ts'
import { verb } from '../verb.ts'

const HANDLES_HELP =
  'Receipt handles are those that "holdfast receive" shows. Without any, they are read from stdin, one a line, or in the JSON of a message.'

export const ack = verb({
  syntax: 'ack <queue> [handles...]',
  group: 'Messages',
  summary: 'delete received messages: their work is done',
  details: HANDLES_HELP,
  examples: [
    ['holdfast ack orders RECEIPT_HANDLE', 'one message'],
    ['holdfast receive orders -n 10 | tee work.ndjson | holdfast ack orders', 'all that were received'],
  ],
  run: (session, [queue = '', ...handles]) =>
    settle(session, queue, handles, 'acked', (receiptHandles) =>
      session.target.call('ackMessages', { params: { queue }, body: { receiptHandles } }),
    ),
})

interface NackOptions {
  readonly delay?: number
  readonly deadLetter?: boolean
  readonly reason?: string
}

export const nack = verb<NackOptions>({
  syntax: 'nack <queue> [handles...]',
  group: 'Messages',
  summary: 'give received messages back, to be received again',
  details: `${HANDLES_HELP} Without --delay the queue's retry policy decides when they come again.`,
  options: () => [
    durationOption('--delay <duration>', 'they come again after this time').conflicts('deadLetter'),
    new Option('--dead-letter', 'move them to the dead-letter queue at once'),
    new Option('--reason <text>', 'why, kept with a dead letter').implies({ deadLetter: true }),
  ],
  examples: [
    ['holdfast nack orders RECEIPT_HANDLE --delay 5m', 'again in five minutes'],
    ["holdfast nack orders RECEIPT_HANDLE --reason 'no such customer'", 'to the dead-letter queue'],
  ],
  run: (session, [queue = '', ...handles], { delay, deadLetter, reason }) =>
    settle(session, queue, handles, 'given back', (receiptHandles) => {
      const body = { receiptHandles, delaySeconds: delay, deadLetter, error: reason }
      return session.target.call('nackMessages', { params: { queue }, body })
    }),
})

type Send = (receiptHandles: readonly string[]) => Promise<AnswerOf<'ackMessages'>>

const settle = async (
  session: Session,
  queue: string,
  given: readonly string[],
  done: string,
  send: Send,
): Promise<number | undefined> => {
  const { out, signal } = session
  const handles = given.length > 0 ? given : await handlesOnStdin(session)
  let settled = 0
  let failed = 0
  for (let start = 0; start < handles.length && !signal.aborted; start += LIMITS.batchSize) {
    const some = handles.slice(start, start + LIMITS.batchSize)
    const { results } = await send(some)
    for (const [position, result] of results.entries()) {
      if (out.json) out.record({ receiptHandle: some[position], ...result })
      if (result.ok) settled++
      else out.note(`not ${done}: ${some[position]?.slice(0, 20)}…: ${result.error.detail}`)
      if (!result.ok) failed++
    }
  }
  const left = handles.length - settled - failed
  if (!out.json || failed + left > 0) {
    out.note(
      `${counted(settled, 'message')} of ${queue} ${done}${failed > 0 ? `, ${failed} not` : ''}${left > 0 ? `, ${left} not tried: interrupted` : ''}`,
    )
  }
  return failed + left > 0 ? 1 : undefined
}

const handlesOnStdin = async ({ io: { stdin } }: Session): Promise<readonly string[]> => {
  if (stdin.isTTY) throw new UsageError('give receipt handles, or pipe them')
  const handles: string[] = []
  for await (const lines of linesIn(stdin as AsyncIterable<Buffer>)) {
    for (const { number, text } of lines) {
      const handle = text.startsWith('{') ? (jsonOf(text) as { receiptHandle?: unknown })?.receiptHandle : text
      if (typeof handle !== 'string') throw new UsageError(`line ${number} has no receiptHandle`)
      handles.push(handle)
    }
  }
  if (handles.length === 0) throw new UsageError('there was no receipt handle on stdin')
  return handles
}
