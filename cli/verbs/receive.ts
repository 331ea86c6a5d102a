import { Option } from 'commander'
import { LIMITS } from '../../lib/model/limits.ts'
import { durationOption, wholeNumber } from '../options.ts'
import { printMessage } from '../output/messages.ts'
import { counted } from '../output/words.ts'
import type { Session } from '../session.ts'
import type { AnswerOf } from '../target/target.ts'
import { verb } from '../verb.ts'

interface Options {
  readonly max: number
  readonly wait?: number
  readonly visibilityTimeout?: number
  readonly ack?: boolean
}

type Polled = AnswerOf<'pollMessages'>['messages']

export const receive = verb<Options>({
  syntax: 'receive <queue>',
  group: 'Messages',
  summary: 'receive messages, as a consumer does: each is leased',
  details:
    'A message that is neither acked nor given back comes again when its lease ends, and the receive counts. "holdfast peek" looks without receiving. At Ctrl-C the command gives back at once what it received and did not print.',
  options: () => [
    new Option('-n, --max <number>', 'at most so many').default(1).argParser(wholeNumber(1, LIMITS.batchSize)),
    durationOption('--wait <duration>', 'wait so long for a first message (default: not at all)'),
    durationOption('--visibility-timeout <duration>', "lease them for so long (default: the queue's)"),
    new Option('--ack', 'ack them once they are printed: they are deleted'),
  ],
  examples: [
    ['holdfast receive orders', 'one message, leased, with its receipt handle'],
    ['holdfast receive orders -n 10 --wait 1m --visibility-timeout 5m', 'wait for some'],
    ['holdfast receive orders --ack > message.json', 'take one out of the queue'],
  ],
  run: async (session, [queue = ''], options) => {
    const { out, target, now } = session
    const messages = await pollFor(session, queue, options)
    for (const message of messages) {
      if (out.json) out.record(message)
      else printMessage(out, message, now())
    }
    if (messages.length === 0 && !out.json) out.text('there is nothing to receive')
    if (!options.ack || messages.length === 0) return
    await out.flushed()
    const receiptHandles = messages.map(({ receiptHandle }) => receiptHandle)
    const { results } = await target.call('ackMessages', { params: { queue }, body: { receiptHandles } })
    const failed = results.filter(({ ok }) => !ok).length
    out.note(`${counted(results.length - failed, 'message')} acked${failed > 0 ? `, ${failed} not` : ''}`)
    return failed > 0 ? 1 : undefined
  },
})

/** A long wait is a sequence of polls of this length. The verb never aborts a poll, since its messages would stay leased. */
const POLL_SECONDS = 5

const pollFor = async (session: Session, queue: string, options: Options): Promise<Polled> => {
  const { target, signal, now } = session
  const end = now() + (options.wait ?? 0) * 1_000
  for (;;) {
    const left = Math.max(0, (end - now()) / 1_000)
    const body = {
      maxMessages: options.max,
      waitTimeSeconds: Math.ceil(Math.min(left, POLL_SECONDS)),
      visibilityTimeoutSeconds: options.visibilityTimeout,
    }
    const { messages } = await target.call('pollMessages', { params: { queue }, body })
    if (signal.aborted) return giveBack(session, queue, messages)
    if (messages.length > 0 || now() >= end) return messages
  }
}

const giveBack = async ({ target, out, signal }: Session, queue: string, messages: Polled): Promise<never> => {
  if (messages.length > 0) {
    const receiptHandles = messages.map(({ receiptHandle }) => receiptHandle)
    await target.call('unreceiveMessages', { params: { queue }, body: { receiptHandles } })
    out.note(`${counted(messages.length, 'message')} given back, as if not received`)
  }
  throw signal.reason
}
