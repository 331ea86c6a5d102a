import { isHoldfastError } from '../../lib/model/errors.ts'
import { MESSAGE_ARGUMENTS, MESSAGE_HELP, type MessageArgument, messageOf } from '../message-argument.ts'
import { durationOption } from '../options.ts'
import type { Session } from '../session.ts'
import { verb } from '../verb.ts'
import { type Status, statusWords } from './show.ts'

interface Options {
  readonly every: number
  readonly timeout?: number
}

/** States that last until a person or a program changes them. */
const FINAL: ReadonlySet<Status['state']> = new Set(['done', 'failed', 'deadLettered', 'cancelled', 'gone'])

export const watch = verb<Options>({
  syntax: `watch ${MESSAGE_ARGUMENTS}`,
  group: 'Messages',
  summary: 'follow one message until its end',
  details: `The command prints each change of the message's state. It exits with 0 when the message is done, or gone where its queue keeps no results; with 1 when it failed, was dead-lettered or cancelled, and when the timeout is over. ${MESSAGE_HELP}`,
  options: () => [
    durationOption('--every <duration>', 'how often to look').default(1, '1s'),
    durationOption('--timeout <duration>', 'give up after this time (default: never)'),
  ],
  examples: [['holdfast watch orders ID --timeout 5m', 'wait until its work is done']],
  run: async (session, given, { every, timeout }) => {
    const message = await messageOf(session, given)
    const end = timeout === undefined ? Number.POSITIVE_INFINITY : session.now() + timeout * 1_000
    for (let before = ''; ; ) {
      const status = await statusOf(session, message, before !== '')
      const text = JSON.stringify(status)
      if (text !== before) printStatus(session, message.messageId, status)
      before = text
      if (FINAL.has(status.state)) return status.state === 'done' || status.state === 'gone' ? 0 : 1
      if (session.now() >= end) {
        session.out.note(`it is still ${status.state}`)
        return 1
      }
      await session.sleep(every * 1_000)
    }
  },
})

/** Without results, a queue keeps no status of a message that has ended: once it was there, its absence is its end. */
const statusOf = async ({ target, signal }: Session, params: MessageArgument, wasThere: boolean): Promise<Status> => {
  try {
    return (await target.call('getMessage', { params, signal })).status
  } catch (error) {
    if (wasThere && isHoldfastError(error, 'MessageNotFound')) return { state: 'gone' }
    throw error
  }
}

const printStatus = ({ out, now }: Session, messageId: string, status: Status): void => {
  if (out.json) out.record({ messageId, status })
  else out.text(`${new Date(now()).toISOString()}  ${statusWords(status)}`)
}
