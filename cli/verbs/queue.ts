import { allSettings } from '../all-queues.ts'
import type { Output } from '../output/output.ts'
import { printSettings } from '../output/settings.ts'
import { printTroubles } from '../output/troubles.ts'
import { counted, duration } from '../output/words.ts'
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
    printSettings(out, found, now())
    if (sources.length > 0) out.text(`It is the dead-letter queue of ${sources.join(', ')}.`)
  },
})

const printCounts = (out: Output, { counts }: QueueJson, now: number): void => {
  if (!counts) return
  const { ready, leased, delayed, oldestReadyAt, exact } = counts
  const oldest = oldestReadyAt === undefined ? '' : `, the oldest since ${duration(now - Date.parse(oldestReadyAt))}`
  out.text(
    `${exact ? '' : 'about '}${counted(ready, 'message')} ready${oldest} · ${leased} in flight · ${delayed} delayed`,
  )
}
