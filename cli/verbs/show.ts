import { MESSAGE_ARGUMENTS, MESSAGE_HELP, messageOf } from '../message-argument.ts'
import { printMessage } from '../output/messages.ts'
import { visible } from '../output/words.ts'
import type { AnswerOf } from '../target/target.ts'
import { verb } from '../verb.ts'

export const show = verb({
  syntax: `show ${MESSAGE_ARGUMENTS}`,
  group: 'Messages',
  summary: 'show one message, or what became of it',
  details: `The command finds the message in its queue, in the dead-letter queue, and, where the queue keeps results, after its end. ${MESSAGE_HELP}`,
  examples: [
    [
      'holdfast show orders 019ca945-0a00-8000-801b-ff0fd396070b',
      'its state, its receives, its attributes and its body',
    ],
    ['holdfast show ID --json | jq .body', 'its body alone, in whichever queue it is'],
  ],
  run: async (session, given) => {
    const { target, out, signal, now } = session
    const message = await target.call('getMessage', { params: await messageOf(session, given), signal })
    if (out.json) return void out.record(message)
    out.text(`${statusWords(message.status)}\n`)
    if ('publishedAt' in message) {
      const { status: _, ...rest } = message
      printMessage(out, rest, now())
    }
  },
})

export type Status = AnswerOf<'getMessage'>['status']

/** A status in words: `dead-lettered to orders-failed: MaxReceivesExceeded`. */
export const statusWords = (answer: Status): string => {
  const status = answer as Readonly<Record<string, unknown>> & Pick<Status, 'state'>
  switch (status.state) {
    case 'delayed':
      return `delayed until ${String(status.visibleAt)}`
    case 'ready':
      return `ready, received ${times(status.receiveCount)} before`
    case 'leased':
      return `in flight until ${String(status.until)}, received for the ${ordinal(Number(status.receiveCount))} time`
    case 'backingOff':
      return `backing off until ${String(status.visibleAt)}, received ${times(status.receiveCount)}`
    case 'attemptsUsedUp':
      return `its receives are used up (${String(status.receiveCount)}): the next poll dead-letters it`
    case 'deadLettered':
      return `dead-lettered to ${String(status.queue)}: ${visible(String(status.reason))}`
    case 'gone':
      return status.reason === undefined ? 'gone: acked, expired or purged' : `gone: ${visible(String(status.reason))}`
    default:
      return `${status.state} at ${String(status.at)}`
  }
}

const times = (count: unknown): string => (Number(count) === 1 ? 'once' : `${Number(count)} times`)
const ordinal = (count: number): string => {
  const ending = count % 100 > 10 && count % 100 < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][count % 10] ?? 'th')
  return `${count}${ending}`
}
