import { describe, expect, test } from 'vitest'
import { publish } from '../../lib/publish/publish.ts'
import { poll } from '../../lib/receive/poll.ts'
import { engineWithQueue } from '../support/test-engine.ts'
import { runCommand } from './command.ts'

const engineWithOrders = async () => {
  const engine = await engineWithQueue()
  const bodies = [{ total: 50, customer: { id: 42 } }, { total: 150, customer: { id: '42' } }, { total: 250 }, 'a text']
  await publish(
    engine,
    'orders',
    bodies.map((body) => ({ body })),
  )
  return engine
}

describe('holdfast peek', () => {
  test('prints messages as the HTTP API shows them, and receives none', async () => {
    const engine = await engineWithOrders()
    const { code, records } = await runCommand(['peek', 'orders'], { engine })
    expect(code).toBe(0)
    expect(records).toHaveLength(4)
    expect(records[0]).toMatchObject({ body: { total: 50 }, state: 'ready', receiveCount: 0, queue: 'orders' })
    expect(await poll(engine, 'orders', { maxMessages: 10 })).toHaveLength(4)
  })

  test('selects by an expression of jq on the whole message; one that it does not fit is left out', async () => {
    const engine = await engineWithOrders()
    const { records } = await runCommand(['peek', 'orders', '--where', '.body.total > 100'], { engine })
    expect(records.map(({ body }) => body.total)).toEqual([150, 250])
  })

  test('selects by members of the body, whether they are numbers or texts', async () => {
    const engine = await engineWithOrders()
    const { records } = await runCommand(['peek', 'orders', '--field', 'customer.id=42'], { engine })
    expect(records.map(({ body }) => body.total)).toEqual([50, 150])
    const both = ['peek', 'orders', '--field', 'customer.id=42', '--field', 'total=50']
    expect((await runCommand(both, { engine })).records).toHaveLength(1)
  })

  test('selects by state', async () => {
    const engine = await engineWithOrders()
    await poll(engine, 'orders', { maxMessages: 1 })
    expect((await runCommand(['peek', 'orders', '--state', 'leased'], { engine })).records).toHaveLength(1)
    expect((await runCommand(['peek', 'orders', '--state', 'ready,delayed'], { engine })).records).toHaveLength(3)
    expect(await runCommand(['peek', 'orders', '--state', 'sleeping'], { engine })).toMatchObject({ code: 2 })
  })

  test('shows ten unless it is told how many, also where it has to read on for them', async () => {
    const engine = await engineWithQueue()
    for (let page = 0; page < 10; page++) {
      await publish(
        engine,
        'orders',
        Array.from({ length: 25 }, (_, number) => ({ body: page * 25 + number })),
      )
    }
    const shown = async (...args: string[]) =>
      (await runCommand(['peek', 'orders', ...args], { engine })).records.length
    expect(await shown()).toBe(10)
    expect(await shown('-n', '120')).toBe(120)
    expect(await shown('--all')).toBe(250)
    expect(await shown('--where', '.body % 50 == 0', '-n', '4')).toBe(4)
    expect(await runCommand(['peek', 'orders', '-n', '0'], { engine })).toMatchObject({ code: 2 })
  })

  test('refuses what is no expression of jq, with the fault', async () => {
    const { code, stderr } = await runCommand(['peek', 'orders', '--where', '.body ='], {
      engine: await engineWithQueue(),
    })
    expect(code).toBe(2)
    expect(stderr).toBe('holdfast: ".body =" is no expression of jq: syntax error, unexpected end of file\n')
  })

  test('shows a table on a terminal, and nothing in a body steers the terminal', async () => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: '\x1b[2Jgone' }])
    const { stdout } = await runCommand(['peek', 'orders'], { engine, terminal: true, env: { NO_COLOR: '1' } })
    expect(stdout).toContain('ID')
    expect(stdout).toContain('\\x1b[2Jgone')
    expect(stdout).not.toContain('\x1b[2J')
    const full = await runCommand(['peek', 'orders', '--full'], { engine, terminal: true, env: { NO_COLOR: '1' } })
    expect(full.stdout).toMatch(/publishedAt +2026-03-01T12:00:00.000Z \(now\)/)
  })
})
