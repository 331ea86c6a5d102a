import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { type HandlerProcess, handlerProcess } from '../../../../functions/local/triggers/handler-process.ts'
import { checkTriggers, parseTrigger } from '../../../../functions/local/triggers/local-trigger.ts'
import { startTriggers } from '../../../../functions/local/triggers/local-triggers.ts'
import { notifyingStore } from '../../../../functions/local/triggers/notifying-store.ts'
import { silentLog } from '../../../../functions/runtime/log.ts'
import { createEngine } from '../../../../lib/engine.ts'
import type { SegmentKey } from '../../../../lib/model/segment-key.ts'
import { publish } from '../../../../lib/publish/publish.ts'
import { counts } from '../../../../lib/queues/counts.ts'
import { createQueue } from '../../../../lib/queues/create-queue.ts'
import { updateQueue } from '../../../../lib/queues/update-queue.ts'
import { memoryStore } from '../../../../lib/store/keyed/memory-store.ts'
import { readDue } from '../../../../lib/triggers/due-index.ts'
import { checkedTrigger } from '../../../../lib/triggers/trigger.ts'

const started: { stop(): unknown }[] = []
afterEach(async () => {
  for (const one of started.splice(0)) await one.stop()
})

const directory = mkdtempSync(join(tmpdir(), 'holdfast-triggers-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const moduleOf = (name: string, code: string): string => {
  const file = join(directory, name)
  writeFileSync(file, code)
  return file
}
const trigger = (functionTimeoutSeconds = 20) =>
  checkedTrigger({ queue: 'orders', functionName: 'handler.mjs', functionTimeoutSeconds })

/** The lines that a handler prints; `until` resolves when one holds these words. */
const printer = () => {
  const lines: string[] = []
  let check = () => {}
  return {
    lines,
    print: (line: string) => {
      lines.push(line)
      check()
    },
    until: (words: string): Promise<void> =>
      new Promise((resolve) => {
        check = () => {
          if (lines.some((line) => line.includes(words))) resolve()
        }
        check()
      }),
  }
}

const handlerIn = (file: string, print: (line: string) => void = () => {}): HandlerProcess => {
  const handler = handlerProcess(file, { print, environment: process.env })
  started.push(handler)
  return handler
}

describe('a handler in a process of its own', { timeout: 60_000 }, () => {
  test('answers, prints, and gets the time that it has left', async () => {
    const code = `export const handler = async (event, context) => {
      console.log('sees', event.Records.length)
      return { left: context.getRemainingTimeInMillis() > 1_000, name: context.functionName }
    }`
    const { lines, print, until } = printer()
    const { run } = handlerIn(moduleOf('answers.mjs', code), print)
    const outcome = await run(trigger(), Buffer.from('{"Records":[1,2]}'))
    expect(outcome).toEqual({ kind: 'answered', payload: '{"left":true,"name":"handler.mjs"}' })
    await until('sees 2')
    expect(lines).toContain('sees 2')
  })

  test.each([
    ['throws', "export const handler = async () => { throw new TypeError('no order') }", 'TypeError: no order'],
    [
      'ends its process',
      'export const handler = () => process.exit(3)',
      'Runtime.ExitError: the process of the handler ended',
    ],
    ['is not there', 'export const other = 1', 'Error: it exports no function named handler'],
    [
      'answers by a callback with an error',
      'export const handler = (event, context, done) => done(new Error("late"))',
      'Error: late',
    ],
  ])('that %s fails as a function', async (name, code, error) => {
    const { run } = handlerIn(moduleOf(`${name.replaceAll(' ', '-')}.mjs`, code))
    expect(await run(trigger(), Buffer.from('{}'))).toEqual({ kind: 'failed', error })
    // The next one has a process again.
    expect(await run(trigger(), Buffer.from('{}'))).toEqual({ kind: 'failed', error })
  })

  test('may be TypeScript that Node does not strip, with other modules', async () => {
    moduleOf('kinds.ts', 'export enum Kind { Order = 7 }')
    const file = moduleOf(
      'typed.ts',
      `import { Kind } from './kinds.js'
      export const handler = async (event: { Records: readonly unknown[] }): Promise<object> => ({ kind: Kind.Order, seen: event.Records.length })`,
    )
    expect(await handlerIn(file).run(trigger(), Buffer.from('{"Records":[1]}'))).toEqual({
      kind: 'answered',
      payload: '{"kind":7,"seen":1}',
    })
  })

  test('may be a CommonJS module', async () => {
    const file = moduleOf('common.cjs', "exports.handler = async () => 'common'")
    expect(await handlerIn(file).run(trigger(), Buffer.from('{}'))).toEqual({ kind: 'answered', payload: '"common"' })
  })

  test('is cut off at its timeout', async () => {
    const { run } = handlerIn(
      moduleOf('hangs.mjs', 'export const handler = () => new Promise(() => setInterval(() => {}, 1000))'),
    )
    expect(await run(trigger(1), Buffer.from('{}'))).toEqual({
      kind: 'failed',
      error: 'Sandbox.Timedout: Task timed out after 1.00 seconds',
    })
  })

  test('is loaded anew when its file changes', async () => {
    const file = moduleOf('changes.mjs', 'export const handler = async () => 1')
    const { print, until } = printer()
    const { run } = handlerIn(file, print)
    expect(await run(trigger(), Buffer.from('{}'))).toEqual({ kind: 'answered', payload: '1' })
    moduleOf('changes.mjs', 'export const handler = async () => 2')
    await until('loaded anew')
    expect(await run(trigger(), Buffer.from('{}'))).toEqual({ kind: 'answered', payload: '2' })
  })
})

describe('triggers of the local server', { timeout: 60_000 }, () => {
  test('deliver what is published, ack it, and end', async () => {
    let published = (_keys: readonly SegmentKey[]): void => {}
    const engine = createEngine({ store: notifyingStore(memoryStore(), (keys) => published(keys)) })
    const code = `export const handler = async ({ Records }) => {
      for (const { body, attributes, eventSourceARN } of Records) console.log('sees', body, attributes.ApproximateReceiveCount, eventSourceARN)
    }`
    const { lines, print, until } = printer()
    const triggers = await startTriggers(engine, [parseTrigger(`orders=${moduleOf('sees.mjs', code)}`)], {
      log: silentLog,
      print,
      environment: process.env,
    })
    started.push(triggers)
    published = triggers.published
    await publish(engine, 'orders', [{ body: { id: 1 } }])
    await until('sees {"id":1} 1')
    expect(lines).toEqual(['[orders] sees {"id":1} 1 arn:aws:sqs:us-east-1:000000000000:orders'])
    await triggers.stop()
    expect(await counts(engine, 'orders')).toMatchObject({ ready: 0, leased: 0, delayed: 0 })
  })

  test('deliver nothing of a queue that is paused, and all of it after the resume', async () => {
    const engine = createEngine({ store: memoryStore() })
    await createQueue(engine, 'orders', { settings: { paused: true } })
    const code =
      "export const handler = async ({ Records }) => console.log('sees', Records.map(({ body }) => body).join())"
    const { lines, print, until } = printer()
    const handler = `orders=${moduleOf('patient.mjs', code)}`
    const triggers = await startTriggers(engine, [parseTrigger(handler)], { log: silentLog, print, environment: {} })
    started.push(triggers)
    await publish(engine, 'orders', [{ body: 'a' }])
    // The run that the declaration asked for has ended.
    while (!(await readDue(engine, 'orders')).due.paused) await new Promise((resolve) => setTimeout(resolve, 20))
    expect(lines).toEqual([])
    expect(await counts(engine, 'orders')).toMatchObject({ ready: 1 })
    await updateQueue(engine, 'orders', { settings: { paused: false } })
    await until('sees a')
    await triggers.stop()
    expect(await counts(engine, 'orders')).toMatchObject({ ready: 0, leased: 0 })
  })

  test("refuse what can't be a trigger, with the reason", async () => {
    const engine = createEngine({ store: memoryStore() })
    const parts = { log: silentLog, print: () => {}, environment: {} }
    const check = (...texts: string[]) => checkTriggers(texts.map(parseTrigger), {})
    expect(() => parseTrigger('orders')).toThrow('--trigger orders: it must be QUEUE=HANDLER')
    expect(() => check('orders=./absent.mjs')).toThrow(
      `--trigger orders=./absent.mjs: there is no file ${resolve('absent.mjs')}`,
    )
    expect(() => check('orders=my-function')).toThrow('AWS_ENDPOINT_URL_LAMBDA must be set')
    const file = moduleOf('fine.mjs', 'export const handler = () => {}')
    expect(() => check(`orders=${file}`, `jobs=${file}`, `orders=./${file}`)).toThrow(
      `--trigger orders=./${file}: queue orders has a trigger already, by --trigger orders=${file}`,
    )
    await expect(startTriggers(engine, [parseTrigger(`a b=${file}`)], parts)).rejects.toThrow('queue')
  })
})
