import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { httpTarget } from '../../cli/target/http-target.ts'
import { inProcessTarget } from '../../cli/target/in-process-target.ts'
import type { Target } from '../../cli/target/target.ts'
import { HoldfastError } from '../../lib/model/errors.ts'
import { publish } from '../../lib/publish/publish.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../lib/queues/delete-queue.ts'
import { updateQueue } from '../../lib/queues/update-queue.ts'
import { poll } from '../../lib/receive/poll.ts'
import { nack } from '../../lib/settle/nack.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { engineWithQueue } from '../support/test-engine.ts'
import { runCommand } from './command.ts'
import { printed } from './printed.ts'

const codes = async (engine: Awaited<ReturnType<typeof engineWithQueue>>) => {
  const { code, records } = await runCommand(['doctor'], { engine })
  return { code, findings: records.map((one) => `${one.level} ${one.queue}: ${one.code}`), records }
}

describe('holdfast doctor', () => {
  test('finds nothing where nothing is wrong, and says so on a terminal', async () => {
    const engine = await engineWithQueue()
    expect(await codes(engine)).toEqual({ code: 0, findings: [], records: [] })
    const setting = { engine, terminal: true, env: { NO_COLOR: '1' } }
    expect(await runCommand(['doctor'], setting)).toMatchObject({ code: 0, stdout: '✔ nothing is wrong at memory\n' })
  })

  test('finds a dead-letter queue that is missing; the command that it prints cures it', async () => {
    const engine = await engineWithQueue()
    await createQueue(engine, 'dead', {})
    await updateQueue(engine, 'orders', { settings: { deadLetter: { queue: 'dead', maxReceives: 3 } } })
    await deleteQueue(engine, 'dead')
    const { code, findings, records } = await codes(engine)
    expect([code, findings]).toEqual([1, ['bad orders: dead-letter-queue-missing']])
    expect(records[0].cures[0].command).toBe('holdfast create dead --table memory')
    expect(await runCommand(printed(records[0]), { engine })).toMatchObject({ code: 0 })
    expect(await codes(engine)).toMatchObject({ code: 0, findings: [] })
  })

  test('finds dead letters; the redrive that it prints sends them round again', async () => {
    const engine = await engineWithQueue()
    await createQueue(engine, 'dead', {})
    await updateQueue(engine, 'orders', {
      settings: { deadLetter: { queue: 'dead', maxReceives: 1 }, visibilityTimeoutSeconds: 1 },
    })
    await publish(engine, 'orders', [{ body: 1 }])
    await poll(engine, 'orders', { maxMessages: 1 })
    await engine.clock.advance(2_000)
    await poll(engine, 'orders', { maxMessages: 1 })
    const { code, findings, records } = await codes(engine)
    // A warning: somebody today, not now.
    expect([code, findings]).toEqual([0, ['warning dead: dead-letters']])
    expect(await runCommand(printed(records[0], 1), { engine })).toMatchObject({ code: 0 })
    expect(await codes(engine)).toMatchObject({ code: 0, findings: [] })
  })

  test('finds a queue whose consumers are gone, until they receive again', async () => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 1 }])
    await engine.clock.advance(61_000)
    expect(await codes(engine)).toMatchObject({ code: 1, findings: ['bad orders: no-consumers'] })
    await poll(engine, 'orders', { maxMessages: 1 })
    expect(await codes(engine)).toMatchObject({ code: 0, findings: [] })
  })

  test('finds messages that are about to expire; the copy that it advises brings them back after they were dropped', async () => {
    const engine = await engineWithQueue()
    await createQueue(engine, 'asleep', { settings: { paused: true } })
    await updateQueue(engine, 'orders', { settings: { retentionSeconds: 100, visibilityTimeoutSeconds: 600 } })
    await publish(engine, 'orders', [{ body: 1 }, { body: 2 }])
    await poll(engine, 'orders', { maxMessages: 1 })
    await engine.clock.advance(70_000)
    const { findings, records } = await codes(engine)
    expect(findings).toEqual(['bad orders: expiring', 'warning asleep: paused'])
    const directory = await temporaryDirectory()
    const [copying, resuming] = records.map((record) =>
      printed(record).map((word) => (word.endsWith('.ndjson') ? join(directory, word) : word)),
    )
    expect(await runCommand(copying ?? [], { engine })).toMatchObject({ code: 0 })
    await engine.clock.advance(40_000)
    expect(await poll(engine, 'orders', { maxMessages: 10 })).toEqual([])
    const input = join(directory, 'orders.ndjson')
    expect(await runCommand(['import', 'orders', '-i', input], { engine })).toMatchObject({ code: 0 })
    const again = await poll(engine, 'orders', { maxMessages: 10 })
    expect(again.map(({ body }) => body).sort()).toEqual([1, 2])
    expect(await runCommand(resuming ?? [], { engine })).toMatchObject({ code: 0 })
    expect(await codes(engine)).toMatchObject({ code: 0, findings: [] })
  })

  test('finds messages that keep the shorter retention of their publish, or a time to live of their own', async () => {
    const engine = await engineWithQueue()
    await updateQueue(engine, 'orders', { settings: { retentionSeconds: 200 } })
    await publish(engine, 'orders', [{ body: 1 }, { body: 2 }])
    await updateQueue(engine, 'orders', { settings: { retentionSeconds: 1_209_600 } })
    await publish(engine, 'orders', [{ body: 3 }, { body: 4, timeToLiveSeconds: 150 }])
    await engine.clock.advance(74_000)
    expect(await codes(engine)).toMatchObject({ findings: ['bad orders: no-consumers'] })
    await engine.clock.advance(1_000)
    expect(await codes(engine)).toMatchObject({ findings: ['bad orders: no-consumers', 'warning orders: expiring'] })
    await engine.clock.advance(25_000)
    const { findings, records } = await codes(engine)
    expect(findings).toEqual(['bad orders: no-consumers', 'warning orders: expiring'])
    expect(records[1].what).toMatch(/^3 of its first 4 messages .*; the next is dropped in (49|50) s$/)
    expect(printed(records[1]).slice(0, 4)).toEqual(['export', 'orders', '-o', 'orders.ndjson'])
  })

  test('reads messages only where one has waited for a minute, and says where it is not let', async () => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 1 }])
    const inner = inProcessTarget({ engine, name: 'memory', options: '' })
    const call = (async (operation, parts) => {
      if (operation === 'browseMessages') throw new HoldfastError('AccessDenied', 'not allowed')
      return inner.call(operation, parts)
    }) as Target['call']
    const found = async () => (await runCommand(['doctor'], { engine, target: { ...inner, call } })).records
    await engine.clock.advance(59_000)
    expect(await found()).toEqual([])
    await engine.clock.advance(1_000)
    expect(await found()).toMatchObject([
      { code: 'no-consumers' },
      { code: 'not-checked', queue: 'orders', what: 'when its messages are dropped could not be checked: not allowed' },
    ])
  })

  test('warns of dead letters that are dropped soon', async () => {
    const engine = await engineWithQueue()
    await createQueue(engine, 'dead', { settings: { retentionSeconds: 100 } })
    await updateQueue(engine, 'orders', { settings: { deadLetter: { queue: 'dead', maxReceives: 1 } } })
    await publish(engine, 'orders', [{ body: 1 }])
    const [message] = await poll(engine, 'orders', { maxMessages: 1 })
    await nack(engine, 'orders', [{ receiptHandle: message?.receiptHandle ?? '', deadLetter: true }])
    expect(await codes(engine)).toMatchObject({ findings: ['warning dead: dead-letters'] })
    await updateQueue(engine, 'dead', { settings: { retentionSeconds: 1_209_600 } })
    await engine.clock.advance(60_000)
    expect((await codes(engine)).findings.sort()).toEqual(['warning dead: dead-letters', 'warning dead: expiring'])
  })

  test('prints a table on a terminal, with the commands beneath what they cure', async () => {
    const engine = await engineWithQueue()
    await updateQueue(engine, 'orders', { settings: { paused: true } })
    const { code, stdout } = await runCommand(['doctor'], { engine, terminal: true, env: { NO_COLOR: '1' } })
    expect(code).toBe(0)
    expect(stdout.split('\n').map((line) => line.trimEnd())).toEqual([
      '   WHERE   WHAT IS WRONG, AND WHAT TO DO',
      '!  orders  it is paused: polls and triggers receive no messages',
      '           → holdfast resume orders --table memory   let consumers receive again',
      '',
    ])
  })

  test('finds that a server does not answer', async () => {
    const target = httpTarget({ url: 'http://127.0.0.1:9', options: '--url http://127.0.0.1:9' })
    const { code, records } = await runCommand(['doctor'], { target })
    expect(code).toBe(1)
    expect(records).toMatchObject([
      { code: 'unreachable', level: 'bad', what: expect.stringContaining('http://127.0.0.1:9 could not be reached') },
    ])
  })

  test('is used wrongly with --enable-ttl where there is no table, and with a queue', async () => {
    const engine = await engineWithQueue()
    expect(await runCommand(['doctor', '--enable-ttl'], { engine })).toMatchObject({ code: 2, stdout: '' })
    expect(await runCommand(['doctor', 'orders'], { engine })).toMatchObject({ code: 2, stdout: '' })
  })
})
