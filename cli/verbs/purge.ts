import { confirmQueue } from '../confirm.ts'
import { verb } from '../verb.ts'
import { heldText } from './delete.ts'

export const purge = verb({
  syntax: 'purge <queue>',
  group: 'Whole queues',
  summary: 'delete all messages of a queue',
  details:
    'Messages in flight are deleted too. What is published afterwards stays. It cannot be undone: "holdfast export" makes a copy first.',
  destroys: true,
  examples: [
    ['holdfast purge orders', "asks for the queue's name first"],
    ['holdfast export orders > orders.ndjson && holdfast purge orders --yes', 'in a script, with a copy'],
  ],
  run: async (session, [queue = '']) => {
    const { target, out, signal } = session
    const found = await target.call('getQueue', { params: { queue }, signal })
    const held = heldText(found)
    await confirmQueue(session, queue, `This deletes ${held} of the queue ${queue} at ${target.name}.`)
    signal.throwIfAborted()
    await target.call('purgeQueue', { params: { queue }, body: {} })
    if (out.json) out.record({ purged: queue })
    else out.text(`${queue} is purged: ${held} are gone`)
  },
})
