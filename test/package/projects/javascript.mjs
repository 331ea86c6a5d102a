import { createClient, memoryStore } from 'holdfast'

const client = createClient({ store: memoryStore() })
await client.createQueue('jobs')
const jobs = client.queue('jobs')
await Promise.all(Array.from({ length: 100 }, (_, n) => jobs.publish({ n })))
let done = 0
const worker = jobs.consume(() => void done++, { concurrency: 10 })
while (done < 100) await new Promise((resolve) => setTimeout(resolve, 5))
await worker.stop()
await client.close()
console.log('javascript: works')
