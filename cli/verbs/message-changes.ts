import { Option } from 'commander'
import { UsageError } from '../../functions/local/usage-error.ts'
import { confirmQueue } from '../confirm.ts'
import { type Edits, editFrom } from '../expressions/edit.ts'
import { MESSAGE_ARGUMENTS, MESSAGE_HELP, messageOf } from '../message-argument.ts'
import { jsonOf } from '../ndjson.ts'
import { durationOption } from '../options.ts'
import { printMessage } from '../output/messages.ts'
import type { Session } from '../session.ts'
import type { AnswerOf } from '../target/target.ts'
import { verb } from '../verb.ts'

type StoredMessage = AnswerOf<'rescheduleMessage'>

export const cancel = verb({
  syntax: `cancel ${MESSAGE_ARGUMENTS}`,
  group: 'Messages',
  summary: 'delete a message that no consumer has in flight',
  details: MESSAGE_HELP,
  destroys: true,
  examples: [['holdfast cancel orders ID', "asks for the queue's name first"]],
  run: async (session, given) => {
    const { target, out, signal } = session
    const { queue, messageId } = await messageOf(session, given)
    await target.call('getMessage', { params: { queue, messageId }, signal })
    await confirmQueue(session, queue, `This deletes the message ${messageId} of the queue ${queue} at ${target.name}.`)
    signal.throwIfAborted()
    await target.call('cancelMessage', { params: { queue, messageId } })
    if (out.json) out.record({ cancelled: messageId })
    else out.text(`${messageId} is cancelled`)
  },
})

interface RescheduleOptions {
  readonly delay?: number
  readonly due?: string
}

export const reschedule = verb<RescheduleOptions>({
  syntax: `reschedule ${MESSAGE_ARGUMENTS}`,
  group: 'Messages',
  summary: 'give a message that no consumer has in flight another due time',
  details: MESSAGE_HELP,
  options: () => [
    durationOption('--delay <duration>', 'from now on: 30s, 5m, 2d; 0 for now').conflicts('due'),
    new Option('--due <instant>', 'at this instant: 2030-01-31T12:00:00Z'),
  ],
  examples: [
    ['holdfast reschedule orders ID --delay 0', 'let it be received now'],
    ['holdfast reschedule orders ID --due 2030-01-31T12:00:00Z', 'at an instant'],
  ],
  run: async (session, given, { delay, due }) => {
    if (delay === undefined && due === undefined)
      throw new UsageError('say when: --delay 5m, or --due 2030-01-31T12:00:00Z')
    const body = { delaySeconds: delay, dueAt: due }
    const params = await messageOf(session, given)
    printStored(session, await session.target.call('rescheduleMessage', { params, body }))
  },
})

interface ResendOptions {
  readonly body?: string
  readonly text?: boolean
  readonly edit?: string
}

export const resend = verb<ResendOptions>({
  syntax: `resend ${MESSAGE_ARGUMENTS}`,
  group: 'Dead letters',
  summary: 'send back a message that failed for good or is in the dead-letter queue',
  details: `The message goes to the end of its queue, with its id, as if it had never been received. Name the queue that it failed in, or the dead-letter queue. An edit and the move are one write: the message is never there twice, and never gone. ${MESSAGE_HELP}`,
  options: () => [
    new Option('--body <body>', 'with this body, JSON or text').conflicts('edit'),
    new Option('--text', 'the body is text, also where it is JSON'),
    new Option('--edit <expression>', "edited by an expression of jq on the message, or by a module's default export"),
  ],
  examples: [
    ['holdfast resend orders ID', 'as it is'],
    [`holdfast resend orders ID --body '{"id":1,"total":5}'`, 'with another body'],
    [`holdfast resend orders ID --edit '.body.total |= tonumber'`, 'edited by jq'],
  ],
  run: async (session, given, options) => {
    const { target, signal } = session
    const { queue: name, messageId } = await messageOf(session, given)
    const message = await target.call('getMessage', { params: { queue: name, messageId }, signal })
    const stored = 'publishedAt' in message ? message : undefined
    const body = await editsOf(options, stored)
    const queue = stored?.deadLetter?.queue ?? name
    printStored(session, await target.call('resendMessage', { params: { queue, messageId }, body }))
  },
})

const editsOf = async ({ body, text, edit }: ResendOptions, message: object | undefined): Promise<Edits> => {
  if (edit !== undefined) {
    if (!message)
      throw new UsageError('what is kept of a message that failed for good can only be sent as it is, or with --body')
    const [edits] = (await editFrom(edit))([message])
    if (edits === undefined || 'error' in edits) throw new UsageError(`--edit failed: ${edits?.error}`)
    return edits
  }
  if (body === undefined) return {}
  const json = text ? undefined : jsonOf(body)
  return { body: json === undefined ? body : json }
}

const printStored = ({ out, now }: Session, message: StoredMessage): void => {
  if (out.json) out.record(message)
  else printMessage(out, message, now())
}
