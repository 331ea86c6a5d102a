import axe from 'axe-core'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { expect, inject, onTestFinished } from 'vitest'
import { callApp } from '../../../console/call-app.ts'
import { type ConsoleParts, createConsole } from '../../../console/console.ts'
import { createApp } from '../../../functions/http/app.ts'
import { composeFrontDoor } from '../../../functions/local/compose.ts'
import { consoleDoor } from '../../../functions/local/console-door.ts'
import { FlowLog } from '../../../functions/local/leases/flow-log.ts'
import { LeaseLog } from '../../../functions/local/leases/lease-log.ts'
import { watchLeases } from '../../../functions/local/leases/watch-leases.ts'
import { startRedriveWorker } from '../../../functions/local/redrive-worker.ts'
import { startServer } from '../../../functions/local/server.ts'
import { allOperations } from '../../../functions/operations/all.ts'
import { silentLog } from '../../../functions/runtime/log.ts'
import { createEngine, type Engine } from '../../../lib/engine.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import { dispatch } from '../../../lib/triggers/run.ts'
import { setTrigger } from '../../../lib/triggers/trigger.ts'

export interface World {
  readonly engine: Engine
  /** Address of the console. */
  readonly url: string
  /** A page of its own browser; the test fails at its end if the page had any error but these. */
  open(address?: string, options?: BrowserContextOptions, expected?: RegExp): Promise<Page>
}

/** The local server with some queues: one in trouble, its dead letters, and one that is fine. */
export const startWorld = async (): Promise<World> => {
  const [leases, flows] = [new LeaseLog(Date.now), new FlowLog(Date.now)]
  const engine = createEngine({ store: watchLeases(memoryStore(), { leases, flows }) })
  const redrives = startRedriveWorker(engine, silentLog)
  const answer = composeFrontDoor({
    options: { host: '127.0.0.1', allowedHost: [], httpOpen: false, cooldowns: false, regions: false },
    engine,
    wakeRedrive: redrives.wake,
    log: silentLog,
    place: 'in memory',
    leases,
    flows,
  })
  const server = await startServer({ host: '127.0.0.1', port: 0, answer, log: silentLog })
  const browser = await chromium.connect(inject('browser'))
  onTestFinished(async () => {
    await browser.close()
    await server.stop()
    await redrives.stop()
  })
  await fill(engine)
  const url = `http://127.0.0.1:${server.port}/console`
  return { engine, url, open: opener(browser, url) }
}

const opener =
  (browser: Browser, url: string): World['open'] =>
  async (address = '', options = {}, expected) => {
    const page = await (await browser.newContext(options)).newPage()
    const errors: string[] = []
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
    page.on('pageerror', (error) => errors.push(String(error)))
    onTestFinished(() => expect(errors.filter((text) => !expected?.test(text))).toEqual([]))
    await page.goto(url + address)
    return page
  }

/** The console alone on a port, as `holdfast console` serves it. Returns how to open a page of it. */
export const startConsole = async (
  engine: Engine,
  parts: Pick<ConsoleParts, 'readOnly' | 'hidePayloads'>,
): Promise<World['open']> => {
  const http = createApp({ operations: allOperations(async () => {}), engine: () => engine, log: silentLog })
  const console = createConsole({ call: callApp(http), place: 'table holdfast', ...parts })
  const answer = consoleDoor('127.0.0.1', console)
  const server = await startServer({ host: '127.0.0.1', port: 0, answer, log: silentLog })
  const browser = await chromium.connect(inject('browser'))
  onTestFinished(async () => {
    await browser.close()
    await server.stop()
  })
  return opener(browser, `http://127.0.0.1:${server.port}/console`)
}

const REASONS = ['PaymentRefused: the card has expired', 'TypeError: order.lines is not iterable']
/** As long as a reason may be, in lines, as a stack trace is. */
export const LONG_REASON =
  `${'Error: the answer of the payment service was not JSON but a page of HTML that begins with '.repeat(3)}
${Array.from({ length: 40 }, (_, line) => `    at charge (payments/charge.ts:${line}:9)`).join('\n')}`.slice(0, 1_024)

const fill = async (engine: Engine): Promise<void> => {
  await createQueue(engine, 'orders-failed')
  await createQueue(engine, 'orders', {
    settings: {
      visibilityTimeoutSeconds: 120,
      deadLetter: { queue: 'orders-failed', maxReceives: 5 },
      retryPolicy: { initialSeconds: 1, factor: 2, maximumSeconds: 300, jitter: 'full' },
    },
  })
  await createQueue(engine, 'invoices')
  await createQueue(engine, 'payments.fifo', {
    settings: { fifo: { contentBasedDeduplication: true, deduplicationScope: 'queue', throughputLimit: 'perQueue' } },
  })
  await createQueue(engine, 'letters')
  for (const queue of ['letters', 'invoices']) {
    const filtered = queue === 'letters' && {
      filter: { body: { country: ['DE', 'AT'] } },
      unmatched: 'delete' as const,
    }
    await setTrigger(engine, { queue, functionName: `./${queue}.mjs`, functionTimeoutSeconds: 30, ...filtered })
  }
  await send(engine, 'orders', 8)
  for (const { receiptHandle, body } of await poll(engine, 'orders', { maxMessages: 5 })) {
    const reason = REASONS[(body as { order: number }).order % 2] ?? ''
    await nack(engine, 'orders', [{ receiptHandle, deadLetter: true, error: reason }])
  }
  await send(engine, 'orders', 6)
  await poll(engine, 'orders', { maxMessages: 2 })
  await publish(engine, 'orders', [{ body: { order: 900, due: 'tomorrow' }, delaySeconds: 86_400 }])
  for (const groupId of ['customer-1', 'customer-2', 'customer-1']) {
    await publish(engine, 'payments.fifo', [{ body: { groupId, at: Math.random() }, groupId }])
  }
}

const send = (engine: Engine, queue: string, count: number) =>
  publish(
    engine,
    queue,
    Array.from({ length: count }, (_, order) => ({
      body: { order, customer: `customer-${order % 3}`, lines: [{ sku: 'A-113', quantity: order + 1 }] },
      attributes: { tenant: { dataType: 'String', value: 'acme' } },
    })),
  )

/** A run of the trigger of `letters`, whose function does not answer before the test ends. */
export const startRun = async (engine: Engine): Promise<void> => {
  await publish(engine, 'letters', [{ body: { country: 'DE' } }])
  const stopping = new AbortController()
  let answer = () => {}
  const invoked = new Promise<void>((begun) => {
    const run = dispatch(engine, {
      queue: 'letters',
      invoker: {
        fitting: async (_, messages) => messages.length,
        records: async (_, messages) => messages.map(({ body }) => ({ body: JSON.stringify(body) })),
        invoke: () =>
          new Promise((resolve) => {
            answer = () => resolve({ kind: 'answered', failed: new Set() })
            begun()
          }),
      },
      endsAt: Date.now() + 900_000,
      startRun: async () => {},
      signal: stopping.signal,
    })
    onTestFinished(async () => {
      stopping.abort()
      answer()
      await run
    })
  })
  await invoked
}

/** What axe-core finds wrong with the page. */
export const faultsOf = async (page: Page): Promise<string[]> => {
  await page.evaluate(axe.source)
  const found = (await page.evaluate('axe.run()')) as axe.AxeResults
  // A page on which nothing was checked has no faults either.
  expect(found.passes.map(({ id }) => id)).toContain('color-contrast')
  // Text that no font draws has no height, and no faults.
  expect(await page.evaluate("document.querySelector('h1').getBoundingClientRect().height")).toBeGreaterThan(10)
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

/** By how many pixels the page is wider than the window. */
export const overflowOf = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
