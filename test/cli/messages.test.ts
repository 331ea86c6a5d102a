import { describe, expect, test } from 'vitest'
import { inProcessTarget } from '../../cli/target/in-process-target.ts'
import type { Target } from '../../cli/target/target.ts'
import { QUEUE_CACHE_MS } from '../../lib/model/limits.ts'
import { engineWithQueue, type TestEngine } from '../support/test-engine.ts'
import { runCommand } from './command.ts'

const sent = async (engine: TestEngine, ...args: string[]): Promise<string> =>
  (await runCommand(['send', 'orders', '{"id":1}', ...args], { engine })).records[0].messageId

describe('one message', () => {
  test('is shown with its status', async () => {
    const engine = await engineWithQueue()
    const id = await sent(engine)
    const { records } = await runCommand(['show', 'orders', id], { engine })
    expect(records).toMatchObject([{ messageId: id, body: { id: 1 }, status: { state: 'ready' } }])
    const shown = await runCommand(['show', 'orders', id], { engine, terminal: true, env: { NO_COLOR: '1' } })
    expect(shown.stdout).toMatch(/^ready, received 0 times before\n\nFIELD/)
    expect(shown.stdout).toContain('{\n  "id": 1\n}')
    expect(await runCommand(['show', 'orders', `${id}0`], { engine })).toMatchObject({ code: 1 })
  })

  test('is cancelled, once the name of its queue is given', async () => {
    const engine = await engineWithQueue()
    const id = await sent(engine)
    expect(await runCommand(['cancel', 'orders', id], { engine })).toMatchObject({ code: 2 })
    expect(await runCommand(['cancel', 'orders', id, '--yes'], { engine })).toMatchObject({ code: 0 })
    expect((await runCommand(['peek', 'orders'], { engine })).records).toEqual([])
  })

  test('in flight is not cancelled', async () => {
    const engine = await engineWithQueue()
    const id = await sent(engine)
    await runCommand(['receive', 'orders'], { engine })
    const { code, stderr } = await runCommand(['cancel', 'orders', id, '--yes'], { engine })
    expect(code).toBe(1)
    expect(stderr).toContain('leased')
  })

  test('gets another due time', async () => {
    const engine = await engineWithQueue()
    const id = await sent(engine, '--delay', '1h')
    const { records } = await runCommand(['reschedule', 'orders', id, '--delay', '0'], { engine })
    expect(records).toMatchObject([{ messageId: id, state: 'ready' }])
    expect(await runCommand(['reschedule', 'orders', id], { engine })).toMatchObject({ code: 2 })
  })

  test('in flight gets none, and the refusal advises nothing about redrives', async () => {
    const engine = await engineWithQueue()
    const id = await sent(engine)
    await runCommand(['receive', 'orders'], { engine })
    const { code, stderr } = await runCommand(['reschedule', 'orders', id, '--delay', '0'], { engine })
    expect([code, stderr]).toEqual([1, 'holdfast: the message is leased to a consumer: try again when it is not\n'])
  })

  test('is watched to its end', async () => {
    const engine = await engineWithQueue()
    await runCommand(['set', 'orders', 'results.retentionSeconds=1h'], { engine })
    await engine.clock.advance(2 * QUEUE_CACHE_MS)
    const id = await sent(engine)
    const [message] = (await runCommand(['receive', 'orders'], { engine })).records
    const watching = runCommand(['watch', 'orders', id, '--every', '0'], { engine })
    await runCommand(['ack', 'orders', message.receiptHandle], { engine })
    const { code, records, stderr } = await watching
    expect([code, stderr]).toEqual([0, ''])
    expect(records.at(-1)).toMatchObject({ messageId: id, status: { state: 'done' } })
  })

  test('of a queue that keeps no results is gone at its end', async () => {
    const engine = await engineWithQueue()
    const id = await sent(engine)
    const [message] = (await runCommand(['receive', 'orders'], { engine })).records
    const target = inProcessTarget({ engine, name: 'memory', options: '' })
    const acking: Target = {
      ...target,
      call: async (operation, parts) => {
        const answer = await target.call(operation, parts)
        const body = { receiptHandles: [message.receiptHandle] }
        await target.call('ackMessages', { params: { queue: 'orders' }, body })
        return answer
      },
    }
    const { code, records } = await runCommand(['watch', 'orders', id, '--every', '0'], { engine, target: acking })
    expect([code, records.map(({ status }) => status.state)]).toEqual([0, ['leased', 'gone']])
    expect(await runCommand(['watch', 'orders', id], { engine })).toMatchObject({ code: 1 })
  })

  test('is watched no longer than its timeout, nor beyond Ctrl-C', async () => {
    const engine = await engineWithQueue()
    const id = await sent(engine)
    const over = await runCommand(['watch', 'orders', id, '--timeout', '0'], { engine })
    expect(over).toMatchObject({ code: 1, stderr: 'it is still ready\n' })
    let press = () => {}
    const interrupt = (pressed: () => void) => {
      press = pressed
    }
    const watching = runCommand(['watch', 'orders', id], { engine, interrupt })
    setImmediate(() => press())
    expect(await watching).toMatchObject({ code: 1, stderr: 'holdfast: interrupted; nothing was changed\n' })
  })
})

describe('a message whose queue is not named', () => {
  const inThreeQueues = async () => {
    const engine = await engineWithQueue()
    for (const queue of ['a', 'z', 'dead']) await runCommand(['create', queue], { engine })
    return engine
  }

  test('is found by its id alone, shown, given another due time, and cancelled', async () => {
    const engine = await inThreeQueues()
    const id = await sent(engine)
    expect((await runCommand(['show', id], { engine })).records).toMatchObject([{ messageId: id, body: { id: 1 } }])
    const later = await runCommand(['reschedule', id, '--delay', '1h'], { engine })
    expect(later.records).toMatchObject([{ state: 'delayed' }])
    expect(await runCommand(['watch', id, '--timeout', '0'], { engine })).toMatchObject({ code: 1 })
    const { code, records } = await runCommand(['cancel', id, '--yes'], { engine })
    expect([code, records]).toEqual([0, [{ cancelled: id }]])
    const gone = await runCommand(['show', id], { engine })
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining('is in any of the 4 queues at memory')])
  })

  test('is sent back to the queue that it failed in', async () => {
    const engine = await inThreeQueues()
    await runCommand(['set', 'orders', 'deadLetter=dead:1'], { engine })
    await engine.clock.advance(2 * QUEUE_CACHE_MS)
    const id = await sent(engine)
    const [message] = (await runCommand(['receive', 'orders'], { engine })).records
    await runCommand(['nack', 'orders', message.receiptHandle, '--dead-letter'], { engine })
    expect((await runCommand(['resend', id], { engine })).records).toMatchObject([{ messageId: id, state: 'ready' }])
    expect((await runCommand(['peek', 'orders'], { engine })).records).toMatchObject([{ messageId: id }])
  })

  test.each([['orders'], ['no-uuid']])('is no message where only %s is given', async (word) => {
    const engine = await inThreeQueues()
    const { code, stderr } = await runCommand(['show', word], { engine })
    expect([code, stderr]).toEqual([2, expect.stringContaining(`give the id of a message: after the queue ${word}`)])
  })
})
