import { describe, expect, test } from 'vitest'
import { VERSION } from '../../functions/local/version.ts'
import { publish } from '../../lib/publish/publish.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../lib/queues/delete-queue.ts'
import { poll } from '../../lib/receive/poll.ts'
import manifest from '../../package.json' with { type: 'json' }
import { engineWithQueue, testEngine } from '../support/test-engine.ts'
import { runCommand } from './command.ts'

describe('holdfast queues', () => {
  test('prints one JSON object a line, the queues in trouble first', async () => {
    const engine = await engineWithQueue()
    await createQueue(engine, 'a-calm-queue', {})
    await publish(engine, 'orders', [{ body: 1 }])
    await engine.clock.advance(61_000)
    const { code, records } = await runCommand(['queues'], { engine })
    expect(code).toBe(0)
    expect(records).toMatchObject([
      { name: 'orders', counts: { ready: 1 }, troubles: [{ code: 'no-consumers', level: 'bad' }] },
      { name: 'a-calm-queue', counts: { ready: 0 }, troubles: [] },
    ])
  })

  test('prints a table on a terminal', async () => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 1 }, { body: 2 }])
    await poll(engine, 'orders', { maxMessages: 1 })
    await engine.clock.advance(10_000)
    const { stdout } = await runCommand(['queues'], { engine, terminal: true, env: { NO_COLOR: '1' } })
    expect(stdout).toBe(
      '   QUEUE   READY  IN HAND  DELAYED  OLDEST    TROUBLE\n✔  orders      1        1        0  10 s ago\n',
    )
  })

  test('has colours on a terminal, and none where NO_COLOR is set', async () => {
    const engine = await engineWithQueue()
    const coloured = '\x1b['
    expect((await runCommand(['queues'], { engine, terminal: true })).stdout).toContain(coloured)
    expect((await runCommand(['queues'], { engine, terminal: true, env: { NO_COLOR: '1' } })).stdout).not.toContain(
      coloured,
    )
    expect((await runCommand(['queues'], { engine })).stdout).not.toContain(coloured)
  })

  test('lists those whose names have a prefix, of more queues than one page has', async () => {
    const engine = testEngine()
    for (let number = 0; number < 130; number++) await createQueue(engine, `q${number}`, {})
    expect((await runCommand(['queues'], { engine })).records).toHaveLength(130)
    expect((await runCommand(['queues', 'q12'], { engine })).records.map(({ name }) => name)).toEqual(
      ['q12', ...Array.from({ length: 10 }, (_, digit) => `q12${digit}`)].sort(),
    )
  })

  test('says so where there are none', async () => {
    const { stdout, code } = await runCommand(['queues'], { engine: testEngine(), terminal: true })
    expect([stdout, code]).toEqual(['there are no queues at memory\n', 0])
  })
})

describe('holdfast queue', () => {
  test('says what is wrong and which commands show and cure it', async () => {
    const engine = testEngine()
    await createQueue(engine, 'dead', {})
    await createQueue(engine, 'orders', { settings: { deadLetter: { queue: 'dead', maxReceives: 3 } } })
    await deleteQueue(engine, 'dead')
    const { stdout } = await runCommand(['queue', 'orders'], { engine, terminal: true, env: { NO_COLOR: '1' } })
    expect(stdout).toContain('✖ its dead-letter queue dead does not exist')
    expect(stdout).toContain('→ holdfast create dead --table memory')
  })

  test('fails for a queue that does not exist, and says how to find those that do', async () => {
    const { code, stderr, stdout } = await runCommand(['queue', 'nothing'], { engine: testEngine() })
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toBe(
      'holdfast: queue "nothing" does not exist\n"holdfast queues" lists the queues that there are.\n',
    )
  })

  test('refuses a name that no queue can have before it asks anybody', async () => {
    const { code, stderr } = await runCommand(['queue', '../health'], { engine: testEngine() })
    expect(code).toBe(2)
    expect(stderr).toContain('must be 1 to 80 letters')
  })
})

describe('a command line', () => {
  test('without a command shows the help, and counts as used wrongly', async () => {
    const { code, stderr, stdout } = await runCommand([])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('Usage: holdfast')
  })

  test.each([['--version'], ['-V']])('%s is that of the package', async (flag) => {
    expect(await runCommand([flag])).toMatchObject({ code: 0, stdout: `${manifest.version}\n` })
    expect(VERSION).toBe(manifest.version)
  })

  test('with an unknown command or option is used wrongly', async () => {
    expect(await runCommand(['quues'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Did you mean queue'),
    })
    expect(await runCommand(['queues', '--tabel', 'x'])).toMatchObject({ code: 2 })
    expect(await runCommand(['queue'])).toMatchObject({ code: 2 })
    expect(await runCommand(['queue', 'a', 'b'])).toMatchObject({ code: 2 })
  })

  test('names one place at most', async () => {
    expect(await runCommand(['queues', '--table', 'a', '--url', 'http://127.0.0.1:1'])).toMatchObject({ code: 2 })
    const env = { HOLDFAST_TABLE: 'a', HOLDFAST_URL: 'http://127.0.0.1:1' }
    expect(await runCommand(['queues'], { env })).toMatchObject({ code: 2 })
  })

  test('whose API does not answer fails with its address', async () => {
    const { code, stderr } = await runCommand(['queues', '--url', 'http://127.0.0.1:9'])
    expect(code).toBe(1)
    expect(stderr).toContain('http://127.0.0.1:9 could not be reached')
  })
})
