/**
 * Publishes and acks on disk until it is killed, and says what it has done: `P` published, `B` ack begun, `A` acked.
 *
 *     killed-child DIRECTORY RUN sync|async
 */
import { writeSync } from 'node:fs'
import { createEngine } from '../../../../../lib/engine.ts'
import { DEFAULT_FIFO } from '../../../../../lib/model/queue-settings.ts'
import { publish } from '../../../../../lib/publish/publish.ts'
import { createQueue } from '../../../../../lib/queues/create-queue.ts'
import { poll } from '../../../../../lib/receive/poll.ts'
import { ack } from '../../../../../lib/settle/ack.ts'
import { diskStore } from '../../../../../lib/store/keyed/disk/disk-store.ts'

const [directory = '', run, sync] = process.argv.slice(2)
// So small that a log is always being brought into the data file.
const store = await diskStore({ directory, logBytes: 20_000, sync: sync === 'sync' })
const engine = createEngine({ store })
await createQueue(engine, 'orders')
await createQueue(engine, 'orders.fifo', { settings: { fifo: { ...DEFAULT_FIFO, contentBasedDeduplication: true } } })
const say = (what: string, body: string) => writeSync(1, `${what} ${body}\n`)
say('R', 'ready')

let count = 0
const published = async (queue: string, id: string, options: { groupId?: string } = {}) => {
  const [outcome] = await publish(engine, queue, [{ body: id.padEnd(count % 7 === 0 ? 50_000 : 10, '.'), ...options }])
  if (!outcome || 'error' in outcome) throw outcome?.error
  say('P', id)
}
const work = async () => {
  for (;;) {
    await published('orders', `${run}-${count++}`)
    if (count % 3 > 0) continue
    const [message] = await poll(engine, 'orders')
    if (!message) continue
    const id = String(message.body).replace(/\.+$/, '')
    say('B', id)
    await ack(engine, 'orders', [message.receiptHandle])
    say('A', id)
  }
}
const workInOrder = async () => {
  for (let n = 0; ; n++) await published('orders.fifo', `f-${run}-${n}`, { groupId: 'g' })
}
await Promise.all([workInOrder(), ...Array.from({ length: 8 }, work)])
