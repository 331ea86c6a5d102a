/** Ten thousand long polls that wait on one server at one instant. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startServerProcess, until } from '../functions/local/server-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { maxFiles, processFigures } from './rig/process-figures.ts'
import { show, size } from './rig/size.ts'
import { sqsRequest, statuses } from './rig/sqs-requests.ts'

/** Files that client and server open besides the connections. */
const OTHER_FILES = 500
const POLLS = Math.min(size(10_000, 1_000), maxFiles() - OTHER_FILES)
const WAIT_SECONDS = 20
const LEASE_SECONDS = 600
/** The server's open files besides those of polls: logs of the store on disk, a request that has just ended. */
const STRAY_FILES = 20
/** Ends a test that hangs. */
const MAX_WAIT_MS = 600_000
/** A poll is a connection, a request and a timer. */
const MAX_KIBIBYTES_EACH = 64
const ROUNDS = 3
/** Garbage that the collector leaves for later. A leak of a few KiB a poll would exceed it after tens of thousands of polls. */
const GARBAGE_MEBIBYTES = 100
/** The time in which a server that has accepted all connections reads all requests. */
const READING_MS = 2_000

const serverWith = async (engine: string) => {
  const data = engine === 'memory' ? [] : ['--data', await temporaryDirectory()]
  const server = await startServerProcess({ args: ['--engine', engine, ...data] })
  const ask = (action: string, input: object) => sqsRequest(server.url, action, input)
  const QueueUrl = `${server.url}/000000000000/jobs`
  await ask('CreateQueue', { QueueName: 'jobs' }).answered
  const idle = processFigures(server.child.pid)
  const figures = () => processFigures(server.child.pid)
  const opened = () => figures().files - idle.files
  const allWaiting = async () => {
    let answers = 0
    const polls = Array.from({ length: POLLS }, () =>
      ask('ReceiveMessage', { QueueUrl, WaitTimeSeconds: WAIT_SECONDS, VisibilityTimeout: LEASE_SECONDS }),
    )
    for (const { answered } of polls) void answered.then(() => answers++)
    await until('all polls have arrived', () => answers > 0 || opened() >= POLLS - STRAY_FILES, MAX_WAIT_MS)
    await sleep(READING_MS)
    return polls
  }
  return { ask, QueueUrl, idle, allWaiting, figures, opened, server }
}

test.each(['memory', 'disk'])(`each of ${POLLS} long polls on %s gets one of as many messages`, async (engine) => {
  const { ask, QueueUrl, idle, allWaiting, figures, server } = await serverWith(engine)
  const polls = await allWaiting()
  const waiting = figures()
  const sends = Array.from({ length: POLLS / 10 }, (_, batch) => {
    const Entries = Array.from({ length: 10 }, (_, at) => ({ Id: `${at}`, MessageBody: `${batch * 10 + at}` }))
    return Entries
  })
  // In turns: a client does not send a thousand requests at one time.
  for (const Entries of sends) expect((await ask('SendMessageBatch', { QueueUrl, Entries }).answered).status).toBe(200)
  const answers = await Promise.all(polls.map(({ answered }) => answered))
  const bodies = answers.flatMap(({ text }) => /"Body":"(\d+)"/.exec(text)?.[1] ?? [])
  show(`${engine}, ${POLLS} polls`, {
    ...statuses(answers),
    'with a message': bodies.length,
    'idle, MiB': idle.residentMebibytes,
    'waiting, MiB': waiting.residentMebibytes,
    'KiB a poll': (((waiting.residentMebibytes - idle.residentMebibytes) * 1_024) / POLLS).toFixed(1),
    'peak, MiB': figures().peakMebibytes,
  })
  expect(statuses(answers)).toEqual({ 200: POLLS })
  expect(new Set(bodies).size).toBe(bodies.length)
  // On a machine that is too slow, some polls receive nothing. The messages that they did not get are still ready.
  const left = await ask('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] }).answered
  const { Attributes } = JSON.parse(left.text) as { Attributes: Record<string, string> }
  expect(Attributes).toMatchObject({
    ApproximateNumberOfMessages: `${POLLS - bodies.length}`,
    ApproximateNumberOfMessagesNotVisible: `${bodies.length}`,
  })
  const forPolls = waiting.residentMebibytes - idle.residentMebibytes
  expect(forPolls).toBeLessThan(GARBAGE_MEBIBYTES + (POLLS * MAX_KIBIBYTES_EACH) / 1_024)
  expect(await server.end('SIGTERM')).toBe(0)
})

test.each(['memory', 'disk'])(
  `${POLLS} long polls on %s that their clients abandon leave nothing behind`,
  async (engine) => {
    const { ask, QueueUrl, idle, allWaiting, figures, opened, server } = await serverWith(engine)
    const abandonAll = async () => {
      for (const { abandon } of await allWaiting()) abandon()
      await until('their connections are closed', () => opened() < STRAY_FILES, MAX_WAIT_MS)
      return figures()
    }
    const first = await abandonAll()
    // No abandoned poll receives a message.
    await ask('SendMessage', { QueueUrl, MessageBody: '1' }).answered
    const { text } = await ask('ReceiveMessage', { QueueUrl, WaitTimeSeconds: WAIT_SECONDS }).answered
    expect(text).toContain('"Body":"1"')
    // The next rounds use the memory of the first again, unless the server keeps something of each poll.
    for (let round = 0; round < ROUNDS; round++) await abandonAll()
    const last = figures()
    show(`${engine}, ${POLLS} polls abandoned ${ROUNDS + 1} times`, {
      'idle, MiB': idle.residentMebibytes,
      'after the first time, MiB': first.residentMebibytes,
      'after the last, MiB': last.residentMebibytes,
      'peak, MiB': last.peakMebibytes,
    })
    expect(last.residentMebibytes).toBeLessThan(first.peakMebibytes + GARBAGE_MEBIBYTES)
    expect(await server.end('SIGTERM')).toBe(0)
  },
)
