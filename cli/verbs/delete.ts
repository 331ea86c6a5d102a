import { Option } from 'commander'
import { confirmQueue } from '../confirm.ts'
import { counted } from '../output/words.ts'
import type { QueueJson } from '../trouble.ts'
import { verb } from '../verb.ts'

interface Options {
  readonly force?: boolean
}

export const deleteQueue = verb<Options>({
  syntax: 'delete <queue>',
  group: 'Queues',
  summary: 'delete a queue with all its messages',
  destroys: true,
  options: () => [new Option('--force', 'also where it is the dead-letter queue of another queue')],
  examples: [
    ['holdfast delete orders', "asks for the queue's name first"],
    [
      'holdfast export orders > orders.ndjson && holdfast delete orders --yes',
      'in a script, with a copy of what it held',
    ],
  ],
  run: async (session, [queue = ''], { force }) => {
    const { target, out, signal } = session
    const found = await target.call('getQueue', { params: { queue }, signal })
    const held = heldText(found)
    await confirmQueue(session, queue, `This deletes the queue ${queue} at ${target.name}, with ${held}.`)
    signal.throwIfAborted()
    await target.call('deleteQueue', { params: { queue }, query: { force: force ? 'true' : undefined } })
    if (out.json) out.record({ deleted: queue })
    else out.text(`${queue} is deleted, with ${held}`)
  },
})

/** `about 12 messages`. */
export const heldText = ({ counts }: QueueJson): string => {
  const { ready = 0, leased = 0, delayed = 0, exact = true } = counts ?? {}
  return `${exact ? '' : 'about '}${counted(ready + leased + delayed, 'message')}`
}
