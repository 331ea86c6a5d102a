import { Option } from 'commander'
import { LIMITS } from '../../lib/model/limits.ts'
import { type MessageJson, pages, selected } from '../browse.ts'
import { type DeadLetters, deadLettersOf } from '../dead-letters.ts'
import { editFrom } from '../expressions/edit.ts'
import { type Selection, type SelectionOptions, selectionOf } from '../expressions/selection.ts'
import { selectionOptions, wholeNumber } from '../options.ts'
import { counted, visible } from '../output/words.ts'
import { redriveEdited } from '../redrive/edited.ts'
import { cancelRunning, redriveByTask } from '../redrive/task.ts'
import { undoRedrives } from '../redrive/undo.ts'
import type { Session } from '../session.ts'
import { verb } from '../verb.ts'

interface Options extends SelectionOptions {
  readonly edit?: string
  readonly to?: string
  readonly rate?: number
  readonly dryRun?: boolean
  readonly cancel?: boolean
  /** Ids of redrives; true for the latest one. */
  readonly undo?: true | readonly string[]
}

export const redrive = verb<Options>({
  syntax: 'redrive <queue>',
  group: 'Dead letters',
  summary: 'send dead letters back, all or some, as they are or edited',
  details:
    'The queue is a dead-letter queue, or a queue that has one: then the command moves the dead letters of that queue. Each goes back to the queue that it failed in, with its id, and its receives are counted anew. Ctrl-C stops the redrive: what was moved stays moved, the rest stays where it is, and the command prints both numbers. An edit and the move of a message are one write. --undo moves messages of a redrive back: those that no consumer has received since. Edited messages belong to no redrive, and stay.',
  options: () => [
    ...selectionOptions(),
    new Option(
      '--edit <expression>',
      "edit each by an expression of jq on the message, or by a module's default export",
    ).conflicts('to'),
    new Option('--to <queue>', 'to this queue, and not to the one that each failed in'),
    new Option('--rate <number>', 'at most so many messages a second').argParser(
      wholeNumber(1, LIMITS.redriveMessagesPerSecond),
    ),
    new Option('--dry-run', 'count what would be moved, and show an edit; move nothing'),
    new Option('--cancel', 'stop the redrive or the undo that runs'),
    new Option(
      '--undo [task...]',
      'move back what a redrive moved and nobody has received since: the latest one that moved any, or those with these ids',
    ).conflicts(['edit', 'to', 'cancel', 'where', 'field']),
  ],
  examples: [
    ['holdfast redrive orders --dry-run', 'what would be moved'],
    ['holdfast redrive orders --rate 20', 'all of its dead letters, slowly'],
    [`holdfast redrive orders --where '.deadLetter.reason | test("timeout")'`, 'those that timed out'],
    [`holdfast redrive orders --edit '.body.total |= tonumber' --dry-run`, 'try an edit first'],
    ['holdfast redrive orders --undo --dry-run', 'what an undo of the latest redrive would move back'],
  ],
  run: async (session, [name = ''], options) => {
    const letters = await deadLettersOf(session, name)
    if (options.cancel) return cancelRunning(session, letters.queue)
    if (options.undo !== undefined) {
      const { undo, rate, dryRun = false } = options
      return undoRedrives(session, letters, { taskIds: undo === true ? undefined : undo, rate, dryRun })
    }
    const selection = await selectionOf(options)
    const edit = options.edit === undefined ? undefined : await editFrom(options.edit)
    const { rate, to } = options
    if (!options.dryRun && !selection && !edit) return redriveByTask(session, letters, { rate, to })
    const chosen = await choose(session, letters, selection)
    if (options.dryRun) return dryRun(session, chosen, options)
    if (chosen.length === 0) {
      session.out.note('there are no such dead letters')
      return
    }
    if (edit) return redriveEdited(session, chosen, { edit, rate, inOrder: letters.fifo })
    return redriveByTask(session, letters, { rate, to, messageIds: chosen.map(({ messageId }) => messageId) })
  },
})

/** The selected dead letters at this moment. Those that arrive afterwards are not redriven. */
const choose = async (
  session: Session,
  { queue, source }: DeadLetters,
  selection: Selection | undefined,
): Promise<MessageJson[]> => {
  const chosen: MessageJson[] = []
  for await (const page of pages(session, { queue })) {
    const own = page.messages.filter(({ deadLetter }) => source === undefined || deadLetter?.queue === source)
    chosen.push(...selected(own, selection))
  }
  return chosen
}

const dryRun = async (
  { out }: Session,
  chosen: readonly MessageJson[],
  { edit: text, to }: Options,
): Promise<number | undefined> => {
  const edit = text === undefined ? undefined : await editFrom(text)
  const edits = edit?.(chosen)
  const faults = edits?.filter((one) => 'error' in one).length ?? 0
  for (const [position, { messageId, deadLetter }] of chosen.entries()) {
    if (out.json) out.record({ messageId, to: to ?? deadLetter?.queue, ...(edits && { edit: edits[position] }) })
  }
  const [first] = edits ?? []
  if (!out.json && first !== undefined) out.text(`The first one gets: ${visible(JSON.stringify(first))}`)
  if (!out.json)
    for (const [target, count] of targetsOf(chosen, to)) out.text(`${counted(count, 'message')} would go to ${target}`)
  out.note(
    `${counted(chosen.length - faults, 'message')} would be moved${faults > 0 ? `, and ${faults} could not be edited` : ''}; nothing was`,
  )
  return faults > 0 ? 1 : undefined
}

const targetsOf = (chosen: readonly MessageJson[], to: string | undefined): Map<string, number> => {
  const targets = new Map<string, number>()
  for (const { deadLetter } of chosen) {
    const target = to ?? deadLetter?.queue ?? '(nowhere: it never failed)'
    targets.set(target, (targets.get(target) ?? 0) + 1)
  }
  return targets
}
