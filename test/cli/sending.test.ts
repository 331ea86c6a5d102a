import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { linesIn } from '../../cli/ndjson.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { poll } from '../../lib/receive/poll.ts'
import { engineWithQueue, testEngine } from '../support/test-engine.ts'
import { runCommand } from './command.ts'

const bodiesIn = async (engine: Parameters<typeof poll>[0], queue = 'orders') =>
  (await poll(engine, queue, { maxMessages: 25 })).map(({ body }) => body)

describe('holdfast send', () => {
  test('sends bodies: JSON as JSON, other words as text', async () => {
    const engine = await engineWithQueue()
    const { code, records } = await runCommand(['send', 'orders', '{"id":1}', 'wake up', '42'], { engine })
    expect(code).toBe(0)
    expect(records).toMatchObject([{ ok: true }, { ok: true }, { ok: true }])
    expect(await bodiesIn(engine)).toEqual([{ id: 1 }, 'wake up', 42])
    await runCommand(['send', 'orders', '--text', '42'], { engine })
    expect(await bodiesIn(engine)).toEqual(['42'])
  })

  test('sends with a delay, attributes and the rest', async () => {
    const engine = await engineWithQueue({ priorities: 3 })
    const options = ['--delay', '5m', '--priority', '2', '--attribute', 'source=shop', '--time-to-live', '1h']
    await runCommand(['send', 'orders', 'x', ...options], { engine })
    const [message] = (await runCommand(['peek', 'orders'], { engine })).records
    expect(message).toMatchObject({ state: 'delayed', priority: 2, attributes: { source: 'shop' } })
    expect(Date.parse(message.dueAt) - engine.clock.now()).toBe(300_000)
  })

  test('sends lines of stdin in their order, of more than one batch', async () => {
    const engine = testEngine()
    await runCommand(['create', 'jobs.fifo', 'fifo.contentBasedDeduplication=true'], { engine })
    const lines = Array.from({ length: 60 }, (_, id) => JSON.stringify({ body: { id }, groupId: 'g' }))
    const { code } = await runCommand(['send', 'jobs.fifo'], { engine, stdin: `${lines.join('\n')}\n\n` })
    expect(code).toBe(0)
    const peeked = await runCommand(['peek', 'jobs.fifo', '--all'], { engine })
    expect(peeked.records.map(({ body }) => body.id)).toEqual(lines.map((_, id) => id))
  })

  test('sends lines that are bodies themselves, and says so where that was forgotten', async () => {
    const engine = await engineWithQueue()
    const stdin = '{"id":1}\nwords\n'
    const forgotten = await runCommand(['send', 'orders'], { engine, stdin })
    expect(forgotten.code).toBe(2)
    expect(forgotten.stderr).toContain(
      'line 1 has neither body nor bodyBase64: where each line is a body, say --bodies',
    )
    await runCommand(['send', 'orders', '--bodies'], { engine, stdin })
    expect(await bodiesIn(engine)).toEqual([{ id: 1 }, 'words'])
  })

  test('stores what it can, and tells by its line what is refused', async () => {
    const engine = await engineWithQueue({ maximumMessageBytes: 1_024 })
    const stdin = [
      '{"body":1}',
      JSON.stringify({ body: 'x'.repeat(2_000) }),
      '{"body":3,"delay":5}',
      '{"body":4}',
    ].join('\n')
    const { code, stderr, records } = await runCommand(['send', 'orders'], { engine, stdin })
    expect([code, records.length]).toEqual([1, 2])
    expect(stderr).toContain('line 2: not sent:')
    expect(stderr).toContain('line 3: not sent:')
    expect(stderr).toContain('2 messages sent to orders, 2 refused')
    expect(await bodiesIn(engine)).toEqual([1, 4])
  })

  test('is used wrongly where there is nothing to send', async () => {
    const engine = await engineWithQueue()
    expect(await runCommand(['send', 'orders'], { engine })).toMatchObject({ code: 2 })
    expect(await runCommand(['send', 'orders'], { engine, stdin: '[1]\n' })).toMatchObject({ code: 2 })
    expect(await runCommand(['send', 'orders', 'x', '--delay', 'soon'], { engine })).toMatchObject({ code: 2 })
  })

  test('ends at Ctrl-C while it waits for input, and says how far it got', async () => {
    const engine = await engineWithQueue()
    let press = () => {}
    const stdin = new Readable({ read: () => {} })
    const running = runCommand(['send', 'orders'], { engine, stdin, interrupt: (pressed) => (press = pressed) })
    stdin.push('{"body":1}\n{"body":2}\n')
    await until(async () => (await runCommand(['peek', 'orders'], { engine })).records.length === 2)
    press()
    const { code, stderr } = await running
    expect(code).toBe(1)
    expect(stderr).toContain('2 messages sent to orders; interrupted: what follows was not sent')
  })
})

const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve))
}

describe('received messages', () => {
  const received = async (engine: Parameters<typeof poll>[0], ...args: string[]) =>
    (await runCommand(['receive', 'orders', ...args], { engine })).records

  test('are acked by their handles, given as arguments or piped in', async () => {
    const engine = await engineWithQueue()
    await runCommand(['send', 'orders', '1', '2', '3'], { engine })
    const [first, ...others] = await received(engine, '-n', '25')
    expect(await runCommand(['ack', 'orders', first.receiptHandle], { engine })).toMatchObject({ code: 0 })
    const stdin = `${JSON.stringify(others[0])}\n${others[1].receiptHandle}\n`
    expect(await runCommand(['ack', 'orders'], { engine, stdin })).toMatchObject({ code: 0 })
    expect((await runCommand(['peek', 'orders'], { engine })).records).toEqual([])
  })

  test('are given back, at once or later, or dead-lettered with a reason', async () => {
    const engine = await engineWithQueue()
    await createQueue(engine, 'failed', {})
    await runCommand(['set', 'orders', 'deadLetter=failed:5'], { engine })
    await runCommand(['send', 'orders', '1'], { engine })
    const [first] = await received(engine)
    await runCommand(['nack', 'orders', first.receiptHandle, '--delay', '1m'], { engine })
    expect(await received(engine)).toEqual([])
    await engine.clock.advance(60_000)
    const [second] = await received(engine)
    await runCommand(['nack', 'orders', second.receiptHandle, '--reason', 'no such customer'], { engine })
    expect((await runCommand(['peek', 'failed'], { engine })).records).toMatchObject([
      { body: 1, deadLetter: { queue: 'orders', reason: 'no such customer' } },
    ])
  })

  test('whose lease is lost are told', async () => {
    const engine = await engineWithQueue()
    await runCommand(['send', 'orders', '1'], { engine })
    const [message] = await received(engine)
    await engine.clock.advance(31_000)
    await received(engine)
    const { code, stderr, records } = await runCommand(['nack', 'orders', message.receiptHandle], { engine })
    expect([code, records]).toMatchObject([1, [{ ok: false, error: { code: 'LeaseLost' } }]])
    expect(stderr).toContain('0 messages of orders given back, 1 not')
  })

  test('are acked once they are printed, where that is wanted', async () => {
    const engine = await engineWithQueue()
    await runCommand(['send', 'orders', '1'], { engine })
    expect(await received(engine, '--ack')).toHaveLength(1)
    expect((await runCommand(['peek', 'orders'], { engine })).records).toEqual([])
  })
})

test('lines are numbered as they are in the input, with the bytes up to their end', async () => {
  const chunks = ['{"a":1}\n\n{"b"', ':2}\r\nü\nlast']
  const lines = []
  for await (const some of linesIn(Readable.from(chunks.map((chunk) => Buffer.from(chunk))))) lines.push(...some)
  expect(lines).toEqual([
    { number: 1, text: '{"a":1}', isUtf8: true, end: 8 },
    { number: 3, text: '{"b":2}', isUtf8: true, end: 18 },
    { number: 4, text: 'ü', isUtf8: true, end: 21 },
    { number: 5, text: 'last', isUtf8: true, end: 25 },
  ])
})
