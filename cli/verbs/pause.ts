import { verb } from '../verb.ts'

export const pause = verb({
  syntax: 'pause <queue>',
  group: 'Queues',
  summary: 'let polls and triggers get nothing, while publishes go on',
  details:
    'Messages in flight stay in flight: their consumers can ack and extend them. What is published waits. Every process learns of the pause within five seconds.',
  examples: [
    ['holdfast pause orders', 'stop consumers before a repair'],
    ['holdfast resume orders', 'and go on'],
  ],
  run: async ({ target, out }, [queue = '']) => {
    const changed = await target.call('updateQueue', { params: { queue }, body: { paused: true } })
    if (out.json) out.record(changed)
    else out.text(`${queue} is paused: polls return nothing until "holdfast resume ${queue}"`)
  },
})

export const resume = verb({
  syntax: 'resume <queue>',
  group: 'Queues',
  summary: 'let consumers of a paused queue receive again',
  examples: [['holdfast resume orders', 'let consumers receive again']],
  run: async ({ target, out }, [queue = '']) => {
    const changed = await target.call('updateQueue', { params: { queue }, body: { paused: null } })
    if (out.json) out.record(changed)
    else out.text(`${queue} is not paused: its consumers receive`)
  },
})
