import { holdfast, jobs } from './jobs.ts'

const outcomes = await jobs.publishBatch(process.argv.slice(2).map((url) => ({ body: { url } })))
for (const outcome of outcomes) console.log(outcome.ok ? `stored ${outcome.messageId}` : outcome.error.message)
await holdfast.close()
