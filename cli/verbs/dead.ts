import { Option } from 'commander'
import { type MessageJson, pages, selected } from '../browse.ts'
import { deadLettersOf } from '../dead-letters.ts'
import { jqExpression } from '../expressions/jq.ts'
import { type SelectionOptions, selectionOf } from '../expressions/selection.ts'
import { selectionOptions, wholeNumber } from '../options.ts'
import type { Output } from '../output/output.ts'
import { counted, oneLine, relative, thousands } from '../output/words.ts'
import { verb } from '../verb.ts'

interface Options extends SelectionOptions {
  readonly groupBy?: string
  readonly limit: number
}

interface Group {
  readonly key: unknown
  count: number
  firstAt: string
  lastAt: string
  readonly example: string
}

export const dead = verb<Options>({
  syntax: 'dead <queue>',
  group: 'Dead letters',
  summary: 'show dead letters: why messages failed',
  details:
    'The queue is a dead-letter queue, or a queue that has one: then the command shows the dead letters of that queue. It receives none. With --group-by it reads all of them, and shows the largest group first.',
  options: () => [
    new Option('--group-by <what>', 'reason, queue, or an expression of jq: .body.customer'),
    ...selectionOptions(),
    new Option('-n, --limit <number>', 'show so many messages or groups').default(20).argParser(wholeNumber(1)),
  ],
  examples: [
    ['holdfast dead orders --group-by reason', 'how many failed for which reason'],
    ['holdfast dead orders-failed', 'the messages themselves, each with its reason'],
    [
      `holdfast dead orders --group-by .body.customer --where '.deadLetter.reason | test("timeout")'`,
      'whose orders timed out',
    ],
  ],
  run: async (session, [name = ''], { groupBy, limit, ...selecting }) => {
    const { out, now } = session
    const [{ queue, source }, selection, keysOf] = await Promise.all([
      deadLettersOf(session, name),
      selectionOf(selecting),
      groupBy === undefined ? undefined : groupingBy(groupBy),
    ])
    const groups = new Map<string, Group>()
    const shown: MessageJson[] = []
    for await (const page of pages(session, { queue })) {
      const own = page.messages.filter(({ deadLetter }) => source === undefined || deadLetter?.queue === source)
      const wanted = selected(own, selection)
      if (keysOf) addTo(groups, wanted, keysOf(wanted))
      else shown.push(...wanted.slice(0, limit - shown.length))
      if (!keysOf && shown.length >= limit) break
    }
    if (keysOf)
      printGroups(out, [...groups.values()].sort((a, b) => b.count - a.count).slice(0, limit), groupBy ?? '', now())
    else printDeadLetters(out, shown, now())
  },
})

const groupingBy = async (what: string): Promise<(messages: readonly MessageJson[]) => readonly unknown[]> => {
  if (what === 'reason' || what === 'queue') return (messages) => messages.map(({ deadLetter }) => deadLetter?.[what])
  const expression = await jqExpression(what)
  return (messages) =>
    expression.on(messages).map((outcome) => ('outputs' in outcome ? outcome.outputs[0] : `(${outcome.error})`))
}

const addTo = (groups: Map<string, Group>, messages: readonly MessageJson[], keys: readonly unknown[]): void => {
  for (const [position, message] of messages.entries()) {
    const key = keys[position] ?? null
    const at = message.deadLetter?.at ?? message.publishedAt
    const text = JSON.stringify(key)
    const group = groups.get(text) ?? { key, count: 0, firstAt: at, lastAt: at, example: message.messageId }
    group.count++
    if (at < group.firstAt) group.firstAt = at
    if (at > group.lastAt) group.lastAt = at
    groups.set(text, group)
  }
}

const printGroups = (out: Output, groups: readonly Group[], by: string, now: number): void => {
  if (out.json) {
    for (const { key, ...group } of groups) out.record({ [by.startsWith('.') ? 'key' : by]: key, ...group })
    return
  }
  if (groups.length === 0) {
    out.text('there are no such dead letters')
    return
  }
  const rows = groups.map(({ key, count, firstAt, lastAt, example }) => [
    thousands(count),
    relative(firstAt, now),
    relative(lastAt, now),
    example,
    oneLine(typeof key === 'string' ? key : JSON.stringify(key), Math.max(20, out.columns - 76)),
  ])
  out.table(['COUNT', 'FIRST', 'LAST', 'ONE OF THEM', by.toUpperCase()], rows, [0])
}

const printDeadLetters = (out: Output, messages: readonly MessageJson[], now: number): void => {
  if (out.json) {
    for (const message of messages) out.record(message)
    return
  }
  if (messages.length === 0) {
    out.text('there are no such dead letters')
    return
  }
  const rows = messages.map(({ messageId, deadLetter }) => [
    messageId,
    deadLetter?.queue ?? '',
    deadLetter ? relative(deadLetter.at, now) : '',
    deadLetter ? counted(deadLetter.receiveCount, 'receive') : '',
    oneLine(deadLetter?.reason ?? '', Math.max(20, out.columns - 80)),
  ])
  out.table(['ID', 'OF', 'FAILED', 'AFTER', 'REASON'], rows)
}
