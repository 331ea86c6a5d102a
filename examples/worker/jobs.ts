import { createClient } from 'holdfast'

export interface Job {
  readonly url: string
}

export const holdfast = createClient({ url: process.env.HOLDFAST_URL ?? 'http://127.0.0.1:9324' })

await holdfast.createQueue('downloads-failed')
await holdfast.createQueue('downloads', {
  retryPolicy: { initialSeconds: 1, factor: 2, maximumSeconds: 60 },
  deadLetter: { queue: 'downloads-failed', maxReceives: 4 },
})
export const jobs = holdfast.queue<Job>('downloads')
