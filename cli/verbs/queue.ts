import { allSettings } from '../all-queues.ts'
import type { Output } from '../output/output.ts'
import { printTroubles } from '../output/troubles.ts'
import { counted, duration, relative } from '../output/words.ts'
import { type QueueJson, sourcesByQueue, troublesOf } from '../trouble.ts'
import { verb } from '../verb.ts'

export const queue = verb({
  syntax: 'queue <name>',
  group: 'Look',
  summary: 'show one queue: its counts, its settings, what is wrong with it, and what to do',
  examples: [
    ['holdfast queue orders', 'what it holds and what is wrong'],
    ['holdfast queue orders --json | jq .counts.ready', 'how many messages are ready'],
  ],
  run: async (session, [name = '']) => {
    const { target, out, signal, now } = session
    const [found, others] = await Promise.all([
      target.call('getQueue', { params: { queue: name }, signal }),
      allSettings(session),
    ])
    const names = new Set(others.map((other) => other.name))
    const sources = sourcesByQueue(others).get(name) ?? []
    const troubles = troublesOf({ queue: found, names, sources, now: now() })
    if (out.json) {
      out.record({ ...found, troubles })
      return
    }
    out.text(`${out.style('bold', name)} at ${target.name}`)
    printCounts(out, found, now())
    out.text('')
    printTroubles(out, troubles, target.options)
    out.text('')
    printSettings(out, found, sources, now())
  },
})

const printCounts = (out: Output, { counts }: QueueJson, now: number): void => {
  if (!counts) return
  const { ready, leased, delayed, oldestReadyAt, exact } = counts
  const oldest = oldestReadyAt === undefined ? '' : `, the oldest since ${duration(now - Date.parse(oldestReadyAt))}`
  out.text(
    `${exact ? '' : 'about '}${counted(ready, 'message')} ready${oldest} · ${leased} in hand · ${delayed} delayed`,
  )
}

/** Every setting that the API tells, spelled as `set` takes it. */
const printSettings = (
  out: Output,
  { name: _, counts: __, createdAt, modifiedAt, tags, ...settings }: QueueJson,
  sources: readonly string[],
  now: number,
): void => {
  const rows = Object.entries(settings).map(([setting, value]) => [setting, shown(setting, value)])
  for (const [key, value] of Object.entries(tags)) rows.push([`tags.${key}`, value])
  out.table(['SETTING', 'VALUE'], rows)
  if (sources.length > 0) out.text(`\nIt is the dead-letter queue of ${sources.join(', ')}.`)
  out.text(`\nCreated ${relative(createdAt, now)}, changed ${relative(modifiedAt, now)}.`)
}

const shown = (setting: string, value: unknown): string => {
  if (setting.endsWith('Seconds') && typeof value === 'number' && value >= 60)
    return `${value} (${duration(value * 1_000)})`
  return typeof value === 'string' ? value : JSON.stringify(value)
}
