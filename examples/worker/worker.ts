import { Reject, RetryLater } from 'holdfast'
import { jobs } from './jobs.ts'

// Ends by Ctrl-C or SIGTERM: the worker gives back what it has not started, and lets its handlers finish.
const worker = jobs.consume(
  async ({ body: { url } }, { signal }) => {
    if (!URL.canParse(url)) throw new Reject(`${url} is no URL`) // dead-lettered at once
    const answer = await fetch(url, { signal })
    if (answer.status === 429) throw new RetryLater(Number(answer.headers.get('retry-after') ?? 30))
    if (!answer.ok) throw new Error(`${url} answered ${answer.status}`) // retried by the queue's policy
    console.log(`${url}: ${(await answer.arrayBuffer()).byteLength} bytes`)
  },
  { concurrency: 10 },
)
console.log('downloading')
await worker.stopped
