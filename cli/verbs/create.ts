import { printSettings } from '../output/settings.ts'
import { settingsFrom } from '../settings.ts'
import { verb } from '../verb.ts'
import { SETTINGS_HELP } from './set.ts'

export const create = verb({
  syntax: 'create <queue> [settings...]',
  group: 'Queues',
  summary: 'create a queue',
  details: `The command succeeds where the queue exists with the same settings, and fails where it has others. A name that ends in .fifo makes a FIFO queue. ${SETTINGS_HELP}`,
  examples: [
    ['holdfast create orders', 'with the defaults'],
    [
      'holdfast create orders deadLetter=orders-failed:5 retentionSeconds=14d',
      'with a dead-letter queue, which must exist',
    ],
    ['holdfast create jobs.fifo fifo.contentBasedDeduplication=true', 'a FIFO queue'],
  ],
  run: async ({ target, out, now }, [queue = '', ...settings]) => {
    const body = settingsFrom(settings)
    const created = await target.call('createQueue', { params: { queue }, body })
    if (out.json) return void out.record(created)
    out.text(`${out.style('bold', queue)} exists at ${target.name}\n`)
    printSettings(out, created, now())
  },
})
