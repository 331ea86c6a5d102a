import { type MessageJson, pages, selected } from '../browse.ts'
import { type Selection, type SelectionOptions, selectionOf } from '../expressions/selection.ts'
import { durationOption, selectionOptions, stateOption } from '../options.ts'
import { oneLine } from '../output/words.ts'
import type { Session } from '../session.ts'
import { verb } from '../verb.ts'

interface Options extends SelectionOptions {
  readonly state?: string
  readonly every: number
}

/** Maximum number of messages in one reading: a deeper queue costs too much to read again and again. */
const MAX_READ = 5_000

export const tail = verb<Options>({
  syntax: 'tail <queue>',
  group: 'Look',
  summary: 'show messages as they arrive, without receiving them',
  details: `The command reads the queue again and again, and prints the messages that were not there before. It does not see a message that consumers ack between two looks. Of a queue with more than ${MAX_READ} messages, the command reads the first ones, and tells you so. Each look reads the headers of all these messages, which costs read units on AWS: use --every on a deep queue. Ctrl-C ends the command.`,
  options: () => [
    stateOption(),
    ...selectionOptions(),
    durationOption('--every <duration>', 'how often to look').default(2, '2s'),
  ],
  examples: [
    ['holdfast tail orders', 'new messages, until Ctrl-C'],
    ['holdfast tail orders-failed --json | jq .deadLetter.reason', 'why messages fail, as they fail'],
  ],
  run: async (session, [queue = ''], { state, every, ...selecting }) => {
    const selection = await selectionOf(selecting)
    const look = looking(session, queue, state, selection)
    try {
      await look(false)
      session.out.note(`waiting for new messages in ${queue} (Ctrl-C ends)`)
      for (;;) {
        await session.sleep(every * 1_000)
        await look(true)
      }
    } catch (error) {
      if (session.signal.aborted) return
      throw error
    }
  },
})

/** Reads the queue once, and prints the messages that the reading before did not have. The first reading prints nothing. */
const looking = (session: Session, queue: string, states: string | undefined, selection: Selection | undefined) => {
  let known: ReadonlySet<string> = new Set()
  let warned = false
  const reported = new Set<string>()
  return async (prints: boolean): Promise<void> => {
    const seen = new Set<string>()
    for await (const page of pages(session, { queue, states, reported })) {
      const fresh = page.messages.filter(({ messageId }) => !known.has(messageId) && !seen.has(messageId))
      for (const { messageId } of page.messages) seen.add(messageId)
      if (prints) for (const message of selected(fresh, selection)) print(session, message)
      if (seen.size >= MAX_READ && page.cursor !== undefined) {
        if (!warned) session.out.note(`${queue} is deep: only its first ${MAX_READ} messages are looked at`)
        warned = true
        break
      }
    }
    known = seen
  }
}

const print = ({ out }: Session, message: MessageJson): void => {
  if (out.json) {
    out.record(message)
    return
  }
  const body = typeof message.body === 'string' ? message.body : JSON.stringify(message.body ?? '(bytes)')
  const head = `${message.publishedAt}  ${message.messageId}  ${message.state.padEnd(8)}`
  out.text(`${head}  ${oneLine(body, Math.max(20, out.columns - head.length - 2))}`)
}
