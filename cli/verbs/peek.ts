import { Option } from 'commander'
import { type MessageJson, pages, selected } from '../browse.ts'
import { type SelectionOptions, selectionOf } from '../expressions/selection.ts'
import { selectionOptions, stateOption, wholeNumber } from '../options.ts'
import { printMessage, printMessages } from '../output/messages.ts'
import { counted } from '../output/words.ts'
import { verb } from '../verb.ts'

interface Options extends SelectionOptions {
  readonly state?: string
  readonly limit: number
  readonly all?: boolean
  readonly full?: boolean
}

export const peek = verb<Options>({
  syntax: 'peek <queue>',
  group: 'Look',
  summary: 'read messages without receiving them',
  details:
    'The command leases no message and counts no receive: consumers notice nothing. The state deadLettered selects messages in the dead-letter queue of this queue, and combines with no other state. With --where or --field, the command reads the queue until it has found enough messages.',
  options: () => [
    stateOption(),
    ...selectionOptions(),
    new Option('-n, --limit <number>', 'show so many').default(10).argParser(wholeNumber(1)),
    new Option('--all', 'show all').conflicts('limit'),
    new Option('--full', 'show each message in full, and not on one line'),
  ],
  examples: [
    ['holdfast peek orders', 'the first ten messages'],
    ['holdfast peek orders --state leased,backingOff', 'those in flight, and those that wait for a retry'],
    [`holdfast peek orders --where '.body.total > 100 and .receiveCount > 2'`, 'those that fit an expression of jq'],
    ['holdfast peek orders --field customer.id=42 --all', 'all of one customer'],
  ],
  run: async (session, [queue = ''], { state, limit, all, full, ...selecting }) => {
    const { out, signal, now } = session
    const selection = await selectionOf(selecting)
    const most = all ? Number.POSITIVE_INFINITY : limit
    const found: MessageJson[] = []
    let shown = 0
    let read = 0
    for await (const page of pages(session, { queue, states: state })) {
      read += page.messages.length
      const wanted = selected(page.messages, selection).slice(0, most - shown)
      shown += wanted.length
      if (out.json) for (const message of wanted) out.record(message)
      else found.push(...wanted)
      if (shown >= most || signal.aborted) break
    }
    if (out.json) return
    if (found.length === 0)
      out.text(read === 0 ? 'there are no such messages' : `none of ${counted(read, 'message')} is such`)
    else if (full) for (const message of found) printFull(out, message, now())
    else printMessages(out, found, now())
  },
})

const printFull = (...[out, message, now]: Parameters<typeof printMessage>): void => {
  printMessage(out, message, now)
  out.text('─'.repeat(Math.min(out.columns, 80)))
}
