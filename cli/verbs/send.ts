import { InvalidArgumentError, Option } from 'commander'
import { UsageError } from '../../functions/local/usage-error.ts'
import { jsonOf, type Line, linesIn, objectIn, textIn } from '../ndjson.ts'
import { durationOption, repeated, wholeNumber } from '../options.ts'
import { counted } from '../output/words.ts'
import { batchesOf, type Outcome, type Outgoing, publishBatch } from '../publishing.ts'
import type { Session } from '../session.ts'
import { verb } from '../verb.ts'

interface Options {
  readonly text?: boolean
  readonly bodies?: boolean
  readonly delay?: number
  readonly due?: string
  readonly priority?: number
  readonly group?: string
  readonly deduplicationId?: string
  readonly timeToLive?: number
  readonly attribute?: readonly string[]
}

export const send = verb<Options>({
  syntax: 'send <queue> [bodies...]',
  group: 'Messages',
  summary: 'publish messages: bodies on the command line, or JSON lines on stdin',
  details:
    'A body that is JSON is sent as JSON, any other as text. Without bodies, each line of stdin is a message as the HTTP API takes it: {"body": …, "delaySeconds": …}; with --bodies it is a body. Options apply to every message that does not have its own value. The queue stores messages in their order. The command names each line that the queue refuses, and sends the others.',
  options: () => [
    new Option('--text', 'send bodies as text, also where they are JSON'),
    new Option('--bodies', 'each line of stdin is a body'),
    durationOption('--delay <duration>', 'deliver it after this time: 30s, 5m, 2d').conflicts('due'),
    new Option('--due <instant>', 'deliver it at this instant: 2030-01-31T12:00:00Z').argParser(instant),
    new Option('--priority <number>', 'from 0, received last').argParser(wholeNumber(0, 9)),
    new Option('--group <id>', 'message group'),
    new Option('--deduplication-id <id>', 'store it once under this id'),
    durationOption('--time-to-live <duration>', 'drop it if it was not acked so long after it is due'),
    new Option('--attribute <name=value>', 'attribute beside the body; repeatable').argParser(repeated),
  ],
  examples: [
    [`holdfast send orders '{"id":1}'`, 'one message'],
    [`holdfast send orders --delay 5m 'wake up' 'and again'`, 'two texts, in five minutes'],
    ['holdfast send orders < messages.ndjson', 'a message a line: {"body":{"id":1},"priority":2}'],
    ['jq -c .[] orders.json | holdfast send orders --bodies', 'a body a line'],
  ],
  run: async (session, [queue = '', ...bodies], options) => {
    if (bodies.length === 0 && session.io.stdin.isTTY) {
      throw new UsageError(
        `there is nothing to send: give bodies, or pipe JSON lines, as in holdfast send ${queue} < file`,
      )
    }
    const common = commonParts(options)
    const report = { sent: 0, refused: 0 }
    try {
      const given = bodies.map((text, at) => outgoingBody(text, at, options, common))
      if (given.length > 0) await sendAll(session, queue, given, report)
      else await sendStdin(session, queue, options, common, report)
    } catch (error) {
      session.out.note(`${counted(report.sent, 'message')} sent to ${queue} before this:`)
      throw error
    }
    return summary(session, queue, report)
  },
})

const summary = ({ out, signal }: Session, queue: string, { sent, refused }: Report): number | undefined => {
  const whole = refused === 0 && !signal.aborted
  const notSent = refused > 0 ? `, ${refused} refused` : ''
  const left = signal.aborted ? '; interrupted: what follows was not sent' : ''
  if (!out.json || !whole) out.note(`${counted(sent, 'message')} sent to ${queue}${notSent}${left}`)
  return whole ? undefined : 1
}

interface Report {
  sent: number
  refused: number
}

const sendStdin = async (
  session: Session,
  queue: string,
  options: Options,
  common: Readonly<Record<string, unknown>>,
  report: Report,
): Promise<void> => {
  const { stdin } = session.io
  // A reader that waits for input ends at Ctrl-C.
  const leave = () => (stdin as { destroy?: () => void }).destroy?.()
  session.signal.addEventListener('abort', leave, { once: true })
  try {
    for await (const lines of linesIn(stdin as AsyncIterable<Buffer>)) {
      await sendAll(
        session,
        queue,
        lines.map((line) => outgoingLine(line, options, common)),
        report,
      )
      if (session.signal.aborted) return
    }
  } catch (error) {
    if (!session.signal.aborted) throw error
  }
  if (report.sent + report.refused === 0 && !session.signal.aborted)
    throw new UsageError('there was nothing to send on stdin')
}

const sendAll = async (
  session: Session,
  queue: string,
  outgoing: readonly Outgoing[],
  report: Report,
): Promise<void> => {
  for (const batch of batchesOf(outgoing)) {
    if (session.signal.aborted) return
    for (const outcome of await publishBatch(session.target, queue, batch)) reportOutcome(session, outcome, report)
  }
}

const reportOutcome = ({ out }: Session, outcome: Outcome, report: Report): void => {
  if ('refusal' in outcome) {
    report.refused++
    out.note(`line ${outcome.outgoing.line.number}: not sent: ${outcome.refusal}`)
    return
  }
  report.sent++
  if (out.json) out.record(outcome.stored)
  else out.text(outcome.stored.messageId)
}

const outgoingBody = (text: string, at: number, { text: asText }: Options, common: object): Outgoing => {
  const json = asText ? undefined : jsonOf(text)
  return {
    message: { ...common, body: json === undefined ? text : json },
    line: { number: at + 1, text, isUtf8: true, end: 0 },
  }
}

const outgoingLine = (line: Line, options: Options, common: object): Outgoing => {
  if (options.bodies) return { ...outgoingBody(textIn(line), 0, options, common), line }
  const given = objectIn(line)
  if (given.body === undefined && given.bodyBase64 === undefined) {
    throw new UsageError(`line ${line.number} has neither body nor bodyBase64: where each line is a body, say --bodies`)
  }
  return { message: { ...common, ...given }, line }
}

const commonParts = (options: Options): Readonly<Record<string, unknown>> => {
  const { delay, due, priority, group, deduplicationId, timeToLive, attribute } = options
  const parts = {
    delaySeconds: delay,
    dueAt: due,
    priority,
    groupId: group,
    deduplicationId,
    timeToLiveSeconds: timeToLive,
    attributes: attribute && Object.fromEntries(attribute.map(attributeFrom)),
  }
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined))
}

const attributeFrom = (given: string): [string, string] => {
  const split = given.indexOf('=')
  if (split < 1) throw new UsageError(`--attribute ${given} must be a name and a value: source=shop`)
  return [given.slice(0, split), given.slice(split + 1)]
}

function instant(text: string): string {
  if (Number.isNaN(Date.parse(text)))
    throw new InvalidArgumentError('It must be an instant such as 2030-01-31T12:00:00Z.')
  return text
}
