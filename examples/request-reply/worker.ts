import { createClient, Reject } from '../../lib/index.ts'

/** Answers requests until it is stopped: what the handler returns is the reply, what it throws is the failure. */
const holdfast = createClient({ url: process.env.HOLDFAST_URL ?? 'http://127.0.0.1:9324' })
await holdfast.createQueue('quotes', { results: { retentionSeconds: 600 } })

const quotes = holdfast.queue<{ product: string; pieces: number }>('quotes')
const PRICES = new Map([
  ['bolt', 3],
  ['nut', 2],
])
const worker = quotes.consume(({ body: { product, pieces } }) => {
  const price = PRICES.get(product)
  if (price === undefined) throw new Reject(`there is no ${product}`)
  return { product, total: price * pieces }
})
console.log('answering')
await worker.stopped
