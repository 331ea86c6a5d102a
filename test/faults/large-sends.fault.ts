/** A thousand sends of 1 MiB that arrive at one server at one time. */
import { expect, test } from 'vitest'
import { startServerProcess } from '../functions/local/server-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { processFigures } from './rig/process-figures.ts'
import { show, size } from './rig/size.ts'
import { sqsRequest, statuses } from './rig/sqs-requests.ts'

const SENDS = size(1_000, 200)
const MEBIBYTE = 1_048_576
/** A few times the server's limit for bodies, since each is decoded, checked and stored. The store in memory keeps the bodies too. */
const MAX_MEBIBYTES = 700

test.each(['disk', 'memory'])(
  `${SENDS} sends of 1 MiB at once, on %s, take bounded memory, and none answered is lost`,
  async (engine) => {
    const data = engine === 'memory' ? [] : ['--data', await temporaryDirectory()]
    const { url, child, end } = await startServerProcess({ args: ['--engine', engine, ...data] })
    const ask = (action: string, input: object) => sqsRequest(url, action, input).answered
    await ask('CreateQueue', { QueueName: 'large' })
    const QueueUrl = `${url}/000000000000/large`
    const before = processFigures(child.pid)
    const MessageBody = (at: number) => `${at} `.padEnd(MEBIBYTE, 'x')
    let begun = 0
    const stored = new Set<number>()
    /** Sends a message, and again when it was throttled, as clients do. */
    const send = async () => {
      const at = begun++
      for (let tries = 1; ; tries++) {
        const answer = await ask('SendMessage', { QueueUrl, MessageBody: MessageBody(at) })
        if (answer.status === 200) stored.add(at)
        if (answer.status !== 403 || tries === 3) return answer
        expect(answer.text).toContain('RequestThrottled')
      }
    }
    const answers = await Promise.all(Array.from({ length: SENDS }, send))
    const { peakMebibytes } = processFigures(child.pid)
    show(`${engine}, ${SENDS} sends`, {
      ...statuses(answers),
      'before, MiB': before.residentMebibytes,
      'peak, MiB': peakMebibytes,
    })
    expect(Object.keys(statuses(answers)).filter((status) => status !== '200' && status !== '403')).toEqual([])
    expect(stored.size).toBeGreaterThan(SENDS / 10)
    expect(peakMebibytes).toBeLessThan(MAX_MEBIBYTES + (engine === 'memory' ? 1.5 * stored.size : 0))

    const received = new Set<number>()
    for (;;) {
      const { text } = await ask('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })
      const { Messages = [] } = JSON.parse(text) as { Messages?: { Body: string; ReceiptHandle: string }[] }
      if (Messages.length === 0) break
      for (const { Body } of Messages) received.add(Number.parseInt(Body, 10))
      const Entries = Messages.map(({ ReceiptHandle }, at) => ({ Id: `${at}`, ReceiptHandle }))
      await ask('DeleteMessageBatch', { QueueUrl, Entries })
    }
    expect([...stored].filter((at) => !received.has(at))).toEqual([])
    expect(await end('SIGTERM')).toBe(0)
  },
)
