import { createClient, isHoldfastError } from '../../lib/index.ts'

/** Asks another process, and waits for its reply: the message id is all that the two have in common. */
const holdfast = createClient({ url: process.env.HOLDFAST_URL ?? 'http://127.0.0.1:9324' })
const quotes = holdfast.queue<{ product: string; pieces: number }>('quotes')

for (const product of ['bolt', 'spring']) {
  const request = await quotes.publish({ product, pieces: 12 })
  try {
    const reply = await request.result<{ total: number }>({ timeoutSeconds: 60 })
    console.log(`12 of ${product} cost ${reply.total}`)
  } catch (error) {
    if (!isHoldfastError(error, 'MessageFailed')) throw error
    console.log(`no quote for ${product}: ${(error.cause as Error).message}`)
  }
  console.log((await request.status()).state)
}
await holdfast.close()
