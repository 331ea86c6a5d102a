// A producer and a consumer in one file. Run `npx holdfast dev` in another terminal first.
import { createClient } from 'holdfast'

const holdfast = createClient({ url: process.env.HOLDFAST_URL ?? 'http://127.0.0.1:9324' })
await holdfast.createQueue('greetings', { results: { retentionSeconds: 600 } })
const greetings = holdfast.queue('greetings')

const worker = greetings.consume(({ body }) => `Hello, ${body.name}!`)

const sent = await greetings.publish({ name: 'Ada' })
console.log(await sent.result({ timeoutSeconds: 30 })) // what the consumer returned: Hello, Ada!

await worker.stop()
await holdfast.close()
