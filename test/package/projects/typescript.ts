import { type Client, createClient, HoldfastError, type Message, publish, Reject } from 'holdfast'
import type { QueueService } from 'holdfast/cdk'
import { flushing, queueHandler } from 'holdfast/lambda'
import { createTestQueue, memoryStore } from 'holdfast/testing'

interface Order {
  readonly id: number
  readonly note?: string
  readonly lines: readonly { readonly sku: string; readonly amount: number }[]
}

const client: Client = createClient({ store: memoryStore() })
await client.createQueue('orders', { retryPolicy: { initialSeconds: 1 } })
const orders = client.queue<Order>('orders')
const sent = await orders.publish({ id: 1, lines: [{ sku: 'a', amount: 2 }] }, { delaySeconds: 0 })
const [message] = await orders.poll()
if (message?.messageId !== sent.messageId) throw new Error('the message did not come')
const amount: number | undefined = message.body.lines[0]?.amount
if (amount !== 2) throw new Error('the body is another')
await orders.ack(message)

// @ts-expect-error JSON does not keep the type of a date
client.queue<{ at: Date }>('orders')
// @ts-expect-error the body is an order
await orders.publish({ id: 'one' }).catch(() => {})
const batch = await orders.publishBatch([{ body: { id: 2, lines: [] } }])
for (const outcome of batch) if (!outcome.ok) throw outcome.error

const jobs = await createTestQueue<Order>()
const outcome = await jobs.run(
  () => {
    throw new Reject('no')
  },
  { id: 3, lines: [] },
)
if (outcome.kind !== 'dead-lettered') throw new Error(`the test queue says ${outcome.kind}`)

const handler = flushing(
  client,
  queueHandler(
    async (order: Order) => {
      if (order.id === 2) throw new HoldfastError('InvalidRequest', 'no')
    },
    { onError: () => {} },
  ),
)
const record = (id: number) => ({
  messageId: `m${id}`,
  receiptHandle: 'r',
  body: JSON.stringify({ id, lines: [] }),
  attributes: {},
  messageAttributes: {},
  eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:orders',
})
const { batchItemFailures } = await handler({ Records: [record(1), record(2)] }, undefined)
if (batchItemFailures.map(({ itemIdentifier }) => itemIdentifier).join() !== 'm2') throw new Error('failures are wrong')

export type { Message, QueueService }
export { publish }

console.log('typescript: works')
