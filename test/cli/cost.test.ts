import { expect, onTestFinished, test, vi } from 'vitest'
import { loggedUsage } from '../../cli/cost/logged-usage.ts'
import { httpTarget } from '../../cli/target/http-target.ts'
import { usageLog } from '../../functions/local/usage-log.ts'
import { METRICS } from '../../functions/runtime/metric-names.ts'
import { usageOfRequest } from '../../functions/runtime/usage.ts'
import { call, startServerProcess } from '../functions/local/server-process.ts'
import { startCloudWatch } from '../support/cloudwatch.ts'
import { noEmbedded } from '../support/embedded.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { engineWithQueue } from '../support/test-engine.ts'
import { runCommand } from './command.ts'

const loaded = async (args: readonly string[]) => {
  const server = await startServerProcess({ args })
  await call(server, 'PUT', '/queues/orders', {})
  await call(server, 'POST', '/queues/orders/messages', {
    messages: Array.from({ length: 10 }, (_, body) => ({ body })),
  })
  const { messages } = await call(server, 'POST', '/queues/orders/poll', { maxMessages: 10 })
  const receiptHandles = messages.map(({ receiptHandle }: { receiptHandle: string }) => receiptHandle)
  await call(server, 'POST', '/queues/orders/ack', { receiptHandles })
  return httpTarget({ url: server.url, options: '' })
}

test('a local server counts messages and the requests of SQS, and says that it meters no units', async () => {
  const target = await loaded(['--memory'])
  const { code, records } = await runCommand(['cost', 'orders'], { target })
  expect(code).toBe(0)
  // The creation, and what the command itself reads of the queue, are requests too.
  expect(records).toMatchObject([{ queue: 'orders', published: 10, sqsRequests: 5, sqsDollars: { total: 5 * 0.4e-6 } }])
  expect(records[0]).not.toHaveProperty('writeUnits')
  const { stdout } = await runCommand(['cost', 'orders'], { target, terminal: true, env: { NO_COLOR: '1' } })
  expect(stdout).toContain('it meters no units: --engine dynamodb does')
})

test.skipIf(noEmbedded())('a local server on the embedded DynamoDB meters units', async () => {
  const target = await loaded(['--engine', 'dynamodb', '--data', await temporaryDirectory()])
  const { records } = await runCommand(['cost', 'orders'], { target })
  expect(records[0]).toMatchObject({ published: 10, dollars: { requests: 0, compute: 0 } })
  // Created with four units; published, polled and acked by ten with one unit each.
  expect(records[0].writeUnits).toBe(7)
})

test('where nothing counts what queues use, the command says so', async () => {
  const engine = await engineWithQueue()
  const { code, stderr } = await runCommand(['cost', 'orders'], { engine })
  expect([code, stderr]).toEqual([2, expect.stringContaining('nothing at memory counts what queues use')])
})

test.each([
  ['one message', { [METRICS.published]: 1 }, 100, 1],
  ['ten messages', { [METRICS.published]: 10 }, 1_000, 1],
  ['eleven messages', { [METRICS.polled]: 11 }, 1_000, 2],
  ['65 KB', { [METRICS.polled]: 1 }, 66_560, 2],
  ['a request that found nothing', { [METRICS.emptyPolls]: 1 }, 0, 1],
])('SQS bills %s as it would', (_, counted, bytes, sqsRequests) => {
  expect(usageOfRequest({ queue: 'q', counted, bytes })).toMatchObject({ requests: 1, sqsRequests })
})

test('a log of usage answers the minutes that were asked for, and forgets after a day', () => {
  let now = Date.parse('2026-11-01T00:00:30Z')
  const log = usageLog({ now: () => now }, true)
  const publish = () => log.request({ queue: 'q', counted: { [METRICS.published]: 1 }, bytes: 10 })
  publish()
  now += 3_600_000
  publish()
  expect(log.read('q', 86_400)).toMatchObject({ published: 2, from: '2026-11-01T00:00:30.000Z', metered: true })
  expect(log.read('q', 600)).toMatchObject({ published: 1, from: '2026-11-01T00:50:30.000Z' })
  now += 86_400_000
  publish()
  expect(log.read('q', 1_000_000)).toMatchObject({ published: 1 })
  expect(log.read('other', 600)).toMatchObject({ published: 0 })
  expect(log.read('q', -1e300)).toMatchObject({ from: new Date(now).toISOString() })
})

test('a log of usage keeps at most 100,000 entries: the oldest minutes go, and its answers say from when they are', () => {
  let now = Date.parse('2026-11-01T00:00:30Z')
  const log = usageLog({ now: () => now }, true)
  const use = (queue: string) => log.request({ queue, counted: { [METRICS.published]: 1 }, bytes: 10 })
  use('orders')
  now += 60_000
  for (let queue = 0; queue < 99_999; queue++) use(`queue-${queue}`)
  expect(log.read('orders', 600)).toMatchObject({ published: 1, from: '2026-11-01T00:00:30.000Z' })
  use('one-more')
  expect(log.read('orders', 600)).toMatchObject({ published: 0, from: '2026-11-01T00:01:00.000Z' })
  // The minute is full: a queue that is in it is still counted.
  use('and-another')
  use('one-more')
  expect([log.read('and-another', 600).published, log.read('one-more', 600).published]).toEqual([0, 2])
})

test("a cost reads the logs of its stack's functions alone: not the API's, and not those of a stack with a longer name", async () => {
  const line = (published: number) => JSON.stringify({ holdfast: 'usage', queue: 'orders', published })
  const logs = () => ({
    'shop-ServicepublishLog0D4C6B0A-vTq8ZkW1yXnR': line(1),
    'shop-ServicesqsLog7F31C2AB-3hJcPpLw7sQd': line(10),
    'shop-test-ServicepublishLog0D4C6B0A-aB4eUfG6mK2x': line(100),
    'shop-ServiceAccessLog1B2C3D4E-pQ7rStUvWx1y': line(1_000),
  })
  const { endpoint, stop } = await startCloudWatch({ logs })
  vi.stubEnv('AWS_ENDPOINT_URL_CLOUDWATCH_LOGS', endpoint)
  onTestFinished(() => {
    vi.unstubAllEnvs()
    return stop()
  })
  const aws = { region: 'eu-central-1', credentials: { accessKeyId: 'AK', secretAccessKey: 'secret' } }
  const publishedOf = async (stack: string) =>
    (await loggedUsage({ aws, stack, from: 0, to: 1_000, sleep: async () => {} })).get('orders')?.published
  expect(await publishedOf('shop')).toBe(11)
  expect(await publishedOf('shop-test')).toBe(100)
})
