import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { SQSEvent } from 'aws-lambda'
import { expect, test } from 'vitest'
import { DEFAULT_SCOPE, queueNames } from '../../../functions/sqs/queue-url.ts'
import { eventInvoker, type RunFunction } from '../../../functions/triggers/event-invoker.ts'
import { lambdaClient, lambdaFunction } from '../../../functions/triggers/lambda-function.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { counts } from '../../../lib/queues/counts.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import type { Store } from '../../../lib/store/port.ts'
import { dispatch } from '../../../lib/triggers/run.ts'
import { setTrigger } from '../../../lib/triggers/trigger.ts'
import { settled } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { anotherProcess, type TestEngine, testEngine } from '../../support/test-engine.ts'

const TIMEOUT_SECONDS = 10
const MESSAGES = 40
/** Ran to its end, or did not run: then it may come again at once. */
type Fate = 'succeeds' | 'fails' | 'throttled' | 'answer dropped' | 'request dropped' | 'server error' | 'answer late'
const FATES: readonly Fate[] = [
  'succeeds',
  'succeeds',
  'fails',
  'throttled',
  'answer dropped',
  'request dropped',
  'server error',
  'answer late',
]
const MAY_STILL_RUN: ReadonlySet<Fate> = new Set(['answer dropped', 'request dropped', 'server error', 'answer late'])

/** A stand-in for Lambda's Invoke, over real HTTP, that drops and delays answers. */
const startLambda = async (engine: TestEngine, fateOf: () => Fate) => {
  const seen: { readonly ids: readonly string[]; readonly at: number; readonly fate: Fate }[] = []
  const late: ServerResponse[] = []
  const answer = (response: ServerResponse, status: number, headers: Record<string, string> = {}) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end('{}')
  }
  const server = createServer(async (request, response) => {
    const { Records } = JSON.parse((await buffer(request)).toString()) as SQSEvent
    const fate = fateOf()
    seen.push({ ids: Records.map(({ messageId }) => messageId), at: engine.clock.now(), fate })
    if (fate === 'answer late') late.push(response)
    else if (fate.endsWith('dropped')) response.destroy()
    else if (fate === 'throttled') answer(response, 429, { 'x-amzn-errortype': 'TooManyRequestsException' })
    else if (fate === 'server error') answer(response, 500, { 'x-amzn-errortype': 'ServiceException' })
    else answer(response, 200, fate === 'fails' ? { 'x-amz-function-error': 'Unhandled' } : {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const answerLate = () => {
    for (const response of late.splice(0)) answer(response, 200)
  }
  const stop = async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  return { seen, endpoint, stop, late, answerLate }
}

/** A process that can be killed: then none of its requests is ever answered, and its time stands still. */
const mortal = (engine: TestEngine, seed: number) => {
  let isAlive = true
  const alive = async <T>(work: Promise<T>): Promise<T> => {
    const answer = await work
    return isAlive ? answer : new Promise<T>(() => {})
  }
  const store = Object.fromEntries(
    Object.entries(engine.store).map(([name, operation]) => [
      name,
      (...input: unknown[]) =>
        isAlive ? alive((operation as (...input: unknown[]) => Promise<unknown>)(...input)) : new Promise(() => {}),
    ]),
  ) as unknown as Store
  const process = anotherProcess({ ...engine, store }, seed)
  const sleep: typeof engine.clock.sleep = (ms, signal) => alive(engine.clock.sleep(ms, signal))
  const kill = () => {
    isAlive = false
  }
  return { engine: { ...process, clock: { ...engine.clock, sleep } }, kill }
}

test('whatever becomes of the answers, no batch runs again while it may still run, and all is delivered', async () => {
  const random = seededRandom(11)
  const engine = testEngine()
  let calm = false
  const lambda = await startLambda(engine, () => (calm ? 'succeeds' : random.oneOf(FATES)))
  try {
    await createQueue(engine, 'orders', { settings: { visibilityTimeoutSeconds: 5 } })
    const given = { queue: 'orders', functionName: 'f', functionTimeoutSeconds: TIMEOUT_SECONDS }
    await setTrigger(engine, { ...given, batchSize: 2, maxConcurrency: 3 })
    for (let n = 0; n < MESSAGES; n += 2) await publish(engine, 'orders', [{ body: `${n}` }, { body: `${n + 1}` }])
    const credentials = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }
    const invoke = lambdaFunction(lambdaClient({ ...credentials, endpoint: lambda.endpoint }))
    let underWay = 0
    const counted: RunFunction = async (...input) => {
      underWay++
      return invoke(...input).finally(() => underWay--)
    }
    const second = async () => {
      await engine.clock.advance(1_000)
      // The network is real: all that will be answered is, before time goes on.
      while (underWay > lambda.late.length) await new Promise((resolve) => setTimeout(resolve, 1))
      await settled()
    }
    for (let round = 1; round <= 12; round++) {
      calm = round > 8
      const one = mortal(engine, round)
      const names = queueNames(DEFAULT_SCOPE)
      const invoker = eventInvoker(one.engine, names, counted)
      const endsAt = engine.clock.now() + 900_000
      void dispatch(one.engine, { queue: 'orders', invoker, endsAt, startRun: async () => {} })
      const dies = !calm && random.chance(0.5)
      for (let seconds = 0; seconds < 90; seconds++) {
        await second()
        if (dies && seconds === 20) one.kill()
        // Some come after the death of the run that asked.
        if (seconds === 40) lambda.answerLate()
      }
    }
    expect(await counts(engine, 'orders')).toMatchObject({ ready: 0, leased: 0, delayed: 0 })
    const fates = new Set(lambda.seen.map(({ fate }) => fate))
    expect(fates).toEqual(new Set(FATES))
    const last = new Map<string, (typeof lambda.seen)[number]>()
    for (const one of lambda.seen) {
      for (const id of one.ids) {
        const before = last.get(id)
        if (before && MAY_STILL_RUN.has(before.fate)) {
          expect(one.at - before.at, `${id} after ${before.fate}`).toBeGreaterThanOrEqual(
            TIMEOUT_SECONDS * 1_000 + 10_000,
          )
        }
        last.set(id, one)
      }
    }
    expect(last.size).toBe(MESSAGES)
  } finally {
    lambda.answerLate()
    await lambda.stop()
  }
})
