/**
 * A consumer as a service runs it: `node worker-process URL QUEUE LOG`. It starts at the word of its parent, so that a test
 * need not wait for a process to load. Its log says what its handler did, a line each.
 */

import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '../../lib/client.ts'

const [url = '', queue = '', log = ''] = process.argv.slice(2)
const write = (line: string): void => appendFileSync(log, `${line}\n`)

/** Long enough that handlers are at work whenever a signal comes. */
const WORK_MS = 5

write('loaded')
await once(process, 'message')
process.disconnect()
createClient({ url })
  .queue<number>(queue)
  .consume(
    async ({ body, receiveCount }) => {
      write(`start ${body} ${receiveCount}`)
      await sleep(WORK_MS)
      write(`done ${body} ${receiveCount}`)
    },
    { concurrency: 10, onError: (error, { during }) => write(`error ${during} ${String(error)}`) },
  )
