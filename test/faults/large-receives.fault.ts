/** Two hundred receives of ten large messages each that arrive at one server at one time. */
import { expect, test } from 'vitest'
import { startServerProcess } from '../functions/local/server-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { processFigures } from './rig/process-figures.ts'
import { show, size } from './rig/size.ts'
import { sqsRequest, statuses } from './rig/sqs-requests.ts'

const RECEIVES = size(200, 40)
const BATCH = 10
const MESSAGE_BYTES = 520_000
/** A few times the server's limit for answers, since each is read, decoded and encoded. */
const MAX_MEBIBYTES = 450
/**
 * V8 lets garbage grow with the heap that lives, up to about as much again. On disk that is little; in memory it is all that is stored. The
 * garbage goes: 14 rounds in which 400 such messages were received, 2.9 GB, ended at twice what was stored, and never had more than three times as much.
 */
const GARBAGE = { disk: 0, memory: 1.5 } as const

test.each(['disk', 'memory'] as const)(
  `${RECEIVES} receives of ten messages of 520 KB at once, on %s, take bounded memory, and none is lost`,
  async (engine) => {
    const data = engine === 'memory' ? [] : ['--data', await temporaryDirectory()]
    const { url, child, end } = await startServerProcess({ args: ['--engine', engine, ...data] })
    const ask = (action: string, input: object) => sqsRequest(url, action, input).answered
    await ask('CreateQueue', { QueueName: 'large', Attributes: { VisibilityTimeout: '900' } })
    const QueueUrl = `${url}/000000000000/large`
    const messages = RECEIVES * BATCH
    for (let at = 0; at < messages; at += 2) {
      const Entries = [at, at + 1].map((n) => ({ Id: `${n}`, MessageBody: `${n} `.padEnd(MESSAGE_BYTES, 'x') }))
      expect((await ask('SendMessageBatch', { QueueUrl, Entries })).status).toBe(200)
    }
    const before = processFigures(child.pid)
    let most = 0
    const watching = setInterval(() => {
      most = Math.max(most, processFigures(child.pid).residentMebibytes)
    }, 20)
    const received = new Map<number, number>()
    /** Answers that this process took too slowly. Their messages stay leased. */
    let cut = 0
    /** Receives messages, and again when it was throttled or cut off, as clients do. */
    const receive = async () => {
      for (let tries = 1; ; tries++) {
        const answer = await ask('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: BATCH })
        for (const [, body] of answer.text.matchAll(/"Body":"(\d+) /g)) {
          received.set(Number(body), (received.get(Number(body)) ?? 0) + 1)
        }
        if (answer.status === 0) cut++
        if (answer.status === 200 || tries === 5) return { ...answer, text: '' }
        if (answer.status !== 0) expect(answer.text).toContain('RequestThrottled')
      }
    }
    const answers = await Promise.all(Array.from({ length: RECEIVES }, receive))
    clearInterval(watching)
    show(`${engine}, ${RECEIVES} receives`, {
      ...statuses(answers),
      messages: received.size,
      'cut off': cut,
      'before, MiB': before.residentMebibytes,
      'most, MiB': most,
    })
    expect([...received.values()].filter((times) => times > 1)).toEqual([])
    expect(most).toBeLessThan((1 + GARBAGE[engine]) * before.residentMebibytes + MAX_MEBIBYTES)
    // What no receive got is still ready, and a receive that was refused has leased nothing.
    const left = await ask('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })
    const { Attributes } = JSON.parse(left.text) as { Attributes: Record<string, string> }
    const leased = Number(Attributes.ApproximateNumberOfMessagesNotVisible)
    expect(Number(Attributes.ApproximateNumberOfMessages) + leased).toBe(messages)
    expect(leased).toBeGreaterThanOrEqual(received.size)
    expect(leased).toBeLessThanOrEqual(received.size + cut * BATCH)
    expect(await end('SIGTERM')).toBe(0)
  },
)
